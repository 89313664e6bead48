package dev.whimbrel.migration;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Window;
import dev.whimbrel.migration.MigrationStatus.State;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

@Execution(ExecutionMode.CONCURRENT)
class WaitingIsFreeTest {
  private static final String ANA = "ana@example.com";

  @Test
  void keepsTheHistoryUnderFiveHundredEventsInSeventeenDays() {
    Runbooks runbooks = new Runbooks();
    runbooks.approval = "required";
    runbooks.endApproval = "required";
    runbooks.window = "Sun 02:00-06:00 UTC";
    runbooks.guards = List.of(Runbooks.guard("ask"), Runbooks.guard("rollback"));
    try (Stage stage =
        new Stage(
            runbooks,
            world -> {
              Instant opens = world.now().plus(Duration.ofDays(10));
              world.window = new Window(opens, opens.plus(Duration.ofHours(4)));
            })) {
      stage.awaitAt(Step.APPROVAL, State.WAITING_FOR_APPROVAL);
      int asked = stage.events();
      stage.sleep(Duration.ofDays(3));
      int afterThreeDays = stage.events();
      stage.workflow().approve(new Approval(ANA, null, null));
      stage.awaitAt(Step.END_APPROVAL, State.WAITING_FOR_APPROVAL);
      stage.sleep(Duration.ofDays(4));
      stage.workflow().approve(new Approval(ANA, null, null));
      stage.result();

      assertThat(afterThreeDays - asked).as("events while a person is waited for").isLessThan(5);
      assertThat(stage.events()).isLessThan(500);
    }
  }
}
