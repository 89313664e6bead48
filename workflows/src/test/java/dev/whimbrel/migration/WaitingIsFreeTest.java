package dev.whimbrel.migration;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Window;
import dev.whimbrel.migration.MigrationStatus.State;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

@Execution(ExecutionMode.CONCURRENT)
class WaitingIsFreeTest {
  private static final String ANA = "ana@example.com";

  @Test
  @Tag("campaign")
  void keepsTheHistoryUnderFiveHundredEventsWithFiveHundredLooksInEachKindOfWait() {
    int polls = 500;
    Runbooks runbooks = new Runbooks();
    runbooks.approval = "required";
    runbooks.endApproval = "required";
    runbooks.window = "Sun 02:00-06:00 UTC";
    runbooks.rollbackWindow = Duration.ofDays(4);
    runbooks.guards = List.of(Runbooks.guard("ask"));
    try (Stage stage =
        new Stage(
            runbooks,
            world -> {
              world.rest = Duration.ofMinutes(10);
              Instant opens = world.now().plus(Duration.ofDays(40));
              world.window = new Window(opens, opens.plus(Duration.ofHours(4)));
              List.of(
                      "awaitTtl",
                      "awaitCaughtUp",
                      "soak",
                      "awaitFirstWrites",
                      "awaitPropagation",
                      "awaitTail")
                  .forEach(wait -> world.looksInVain(wait, polls));
              world.fail("awaitFirstWrites", Failures.needsHelp("nobody writes", "look", null));
            })) {
      stage.awaitAt(Step.APPROVAL, State.WAITING_FOR_APPROVAL);
      int asked = stage.world.looks("awaitBreach");
      stage.sleep(Duration.ofDays(4));
      stage.workflow().approve(new Approval(ANA, null, null));
      int approved = stage.world.looks("awaitBreach");
      stage.awaitState(State.WAITING_FOR_WINDOW);
      stage.sleep(Duration.between(stage.world.now(), stage.world.window.opens()));
      stage.awaitAt(Step.FIRST_WRITES, State.NEEDS_HELP);
      int parked = stage.world.looks("awaitBreach");
      stage.sleep(Duration.ofDays(4));
      int helped = stage.world.looks("awaitBreach");
      stage.workflow().retry(new StepDecision(ANA, null, null));
      stage.awaitAt(Step.WINDOW, State.WAITING_FOR_TIME);
      int window = stage.world.looks("watchWayBack");
      stage.awaitAt(Step.END_APPROVAL, State.WAITING_FOR_APPROVAL);
      int over = stage.world.looks("watchWayBack");
      stage.sleep(Duration.ofDays(4));
      int end = stage.world.looks("watchWayBack");
      stage.workflow().approve(new Approval(ANA, null, null));
      stage.result();

      System.out.printf(
          "campaign: %d events; looks: approval %d, window of the week %d, parked %d, rollback window %d, last approval %d%n",
          stage.events(),
          approved - asked,
          parked - approved,
          helped - parked,
          over - window,
          end - over);
      assertThat(List.of(approved - asked, parked - approved, helped - parked))
          .allMatch(looks -> looks >= polls);
      assertThat(List.of(over - window, end - over)).allMatch(looks -> looks >= polls);
      assertThat(stage.events()).isLessThanOrEqualTo(500);
    }
  }

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
