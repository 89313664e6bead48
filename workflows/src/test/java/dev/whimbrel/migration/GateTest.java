package dev.whimbrel.migration;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.Window;
import dev.whimbrel.migration.MigrationResult.Ending;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.runbook.RetireSpec;
import dev.whimbrel.runbook.TablesSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

@Execution(ExecutionMode.CONCURRENT)
class GateTest {
  private static final String ANA = "ana@example.com";

  @Test
  void asksForAnApprovalOfTheFindingsAndGoesOnWithIt() {
    Runbooks runbooks = new Runbooks();
    runbooks.approval = "required";
    runbooks.approvers = List.of(ANA, "luis@example.com");
    try (Stage stage = new Stage(runbooks)) {
      MigrationStatus asked = stage.awaitState(State.WAITING_FOR_APPROVAL);
      String hash = Objects.requireNonNull(asked.findings()).hash();
      String stranger =
          Stage.refusal(() -> stage.workflow().approve(new Approval("bob", null, hash)));
      String stale =
          Stage.refusal(() -> stage.workflow().approve(new Approval(ANA, null, "0123456789")));
      String answer =
          stage.workflow().approve(new Approval(ANA, "looks good", hash.substring(0, 12)));

      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(asked.step()).isEqualTo("cutover.approval");
      assertThat(asked.findings().lines())
          .containsExactly(
              "Going back stays possible after the switchover, with every write.",
              "The databases agree.",
              "0 users of the source seen, 0 left alone.");
      assertThat(asked.nextSteps())
          .containsExactly(
              "whimbrel approve shop --findings " + hash.substring(0, 12),
              "whimbrel reject shop --reason …",
              "whimbrel rollback shop --reason …");
      assertThat(asked.waitingFor()).endsWith(" findings by ana@example.com or luis@example.com");
      assertThat(stranger)
          .isEqualTo(
              "Cannot approve: bob may not. The runbook's approvers names"
                  + " ana@example.com, luis@example.com. Say who decides with --by NAME.");
      assertThat(stale).startsWith("Cannot approve: the findings are no longer those that you saw");
      assertThat(answer).isEqualTo("approved by ana@example.com");
    }
  }

  @Test
  void saysInCapitalsWhoseRowsDoNotComeBack() {
    Runbooks runbooks = new Runbooks();
    runbooks.approval = "required";
    runbooks.tables = new TablesSpec(List.of(), List.of("audit.*"), List.of("public.cache"));
    try (Stage stage = new Stage(runbooks)) {
      MigrationStatus asked = stage.awaitState(State.WAITING_FOR_APPROVAL);

      assertThat(Objects.requireNonNull(asked.findings()).lines())
          .contains(
              "Going back stays possible after the switchover, with every write BUT THOSE TO"
                  + " public.cache: what is written there on the target stays there.",
              "Left on the source, closed there from the switchover on: audit.*; the rows of public.cache.");
      assertThat(asked.rollback().without()).containsExactly("public.cache");
    }
    runbooks.tables = new TablesSpec(List.of("shop.*"), List.of("shop.tmp_*"), List.of());
    runbooks.retire = new RetireSpec(null, List.of("i-1"), List.of(), null, "required");
    try (Stage stage = new Stage(runbooks)) {
      MigrationStatus asked = stage.awaitState(State.WAITING_FOR_APPROVAL);

      assertThat(Objects.requireNonNull(asked.findings()).lines())
          .contains(
              "Left on the source, closed there from the switchover on: everything but shop.*;"
                  + " shop.tmp_*. THE SOURCE'S MACHINES ARE RETIRED, AND THESE WITH THEM.");
    }
  }

  @Test
  void saysInCapitalsThatThereWouldBeNoWayBack() {
    Runbooks runbooks = new Runbooks();
    runbooks.approval = "required";
    try (Stage stage = new Stage(runbooks, world -> world.canGoBack = false)) {
      MigrationStatus asked = stage.awaitState(State.WAITING_FOR_APPROVAL);
      stage.workflow().approve(new Approval(ANA, null, null));
      MigrationStatus watched = stage.awaitAt(Step.MONITOR, State.WAITING_FOR_TIME);

      assertThat(Objects.requireNonNull(asked.findings()).lines())
          .contains("THERE WILL BE NO WAY BACK AFTER THE SWITCHOVER.");
      assertThat(asked.rollback().possible()).isTrue();
      assertThat(watched.rollback().possible()).isFalse();
    }
  }

  @Test
  void withdrawsAnApprovalWhenTheFreshFindingsDiffer() {
    Runbooks runbooks = new Runbooks();
    runbooks.approval = "required";
    try (Stage stage = new Stage(runbooks)) {
      stage.awaitState(State.WAITING_FOR_APPROVAL);
      stage.world.notCompared = List.of("public.blobs: no equality");
      stage.workflow().approve(new Approval(ANA, null, null));
      MigrationStatus again =
          stage.await(
              "asked again",
              s -> s.findings() != null && s.findings().lines().toString().contains("blobs"));
      List<String> before = stage.world.journal();
      stage.workflow().approve(new Approval(ANA, null, null));

      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(again.waitingFor())
          .isEqualTo(
              "the approval by ana@example.com was withdrawn: new: Not compared: public.blobs: no"
                  + " equality; an approval of 4 findings");
      assertThat(before).doesNotContain("hand over to the target");
    }
  }

  @Test
  void keepsAnApprovalWhenTheFreshFindingsAreTheSame() {
    Runbooks runbooks = new Runbooks();
    runbooks.approval = "required";
    runbooks.window = "Sun 02:00-06:00 UTC";
    try (Stage stage =
        new Stage(
            runbooks,
            world -> {
              Instant opens = world.now().plus(Duration.ofDays(5));
              world.window = new Window(opens, opens.plus(Duration.ofHours(4)));
            })) {
      stage.awaitState(State.WAITING_FOR_APPROVAL);
      stage.workflow().approve(new Approval(ANA, null, null));
      MigrationStatus waits = stage.awaitState(State.WAITING_FOR_WINDOW);
      stage.sleep(Duration.ofDays(2));
      MigrationStatus still = stage.status();

      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(waits.waitingFor()).startsWith("the window Sun 02:00-06:00 UTC, which opens ");
      assertThat(still.state()).isEqualTo(State.WAITING_FOR_WINDOW);
      assertThat(Collections.frequency(stage.world.journal(), "hand over to the target"))
          .isEqualTo(1);
      assertThat(stage.world.handedOverAt()).isAfterOrEqualTo(stage.world.window.opens());
    }
  }

  @Test
  void keepsAnApprovalWhenAMaterializedViewHasGoneStale() {
    Runbooks runbooks = new Runbooks();
    runbooks.approval = "required";
    String stale = "materialized view public.totals: its rows differ";
    try (Stage stage = new Stage(runbooks)) {
      MigrationStatus asked = stage.awaitState(State.WAITING_FOR_APPROVAL);
      stage.world.stale = List.of(stale);
      stage.workflow().verify(new Decision(ANA, null));
      MigrationStatus again =
          stage.await(
              "asked again",
              s -> s.findings() != null && s.findings().lines().contains("Just now: " + stale));
      stage
          .workflow()
          .approve(new Approval(ANA, null, Objects.requireNonNull(asked.findings()).hash()));
      stage.world.stale = List.of();

      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(Objects.requireNonNull(again.findings()).hash())
          .isEqualTo(Objects.requireNonNull(asked.findings()).hash());
      assertThat(Objects.requireNonNull(again.verification()).notCompared()).containsExactly(stale);
    }
  }

  @Test
  void finishesAHandOverThatIsUnderWayThoughItsWindowHasClosed() {
    Runbooks runbooks = new Runbooks();
    runbooks.window = "Sun 02:00-06:00 UTC";
    try (Stage stage =
        new Stage(
            runbooks,
            world -> {
              Instant opens = world.now().plus(Duration.ofDays(5));
              world.window = new Window(opens, opens.plus(Duration.ofMinutes(36)));
              world.fail(
                  "handOver", Failures.needsHelp("the last rows do not arrive", "mend it", null));
            })) {
      stage.awaitAt(Step.SWITCHOVER, State.NEEDS_HELP);
      Instant next = stage.world.window.closes().plus(Duration.ofDays(7));
      stage.sleep(Duration.ofMinutes(10)); // too little is left of it for a new switchover
      stage.world.window = new Window(next, next.plus(Duration.ofHours(4)));
      stage.workflow().retry(new StepDecision(ANA, null, null));
      stage.awaitAt(Step.MONITOR, State.WAITING_FOR_TIME);

      assertThat(stage.world.now()).isBefore(next);
      assertThat(stage.world.truth).isEqualTo(Side.TARGET);
    }
  }

  @Test
  void leavesAnOpeningThatHasTooLittleRoomLeft() {
    Runbooks runbooks = new Runbooks();
    runbooks.window = "Sun 02:00-06:00 UTC";
    try (Stage stage =
        new Stage(
            runbooks,
            world -> {
              Instant opens = world.now().minus(Duration.ofHours(2));
              // The TTL takes an hour; 20 minutes are left for a monitor of 30.
              world.window = new Window(opens, world.now().plus(Duration.ofMinutes(80)));
            })) {
      MigrationStatus waits = stage.awaitState(State.WAITING_FOR_WINDOW);
      Instant next = stage.world.window.closes().plus(Duration.ofDays(7));
      stage.world.window = new Window(next, next.plus(Duration.ofHours(4)));

      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(waits.waitingFor())
          .isEqualTo("the next opening of Sun 02:00-06:00 UTC: too little of this one is left");
      assertThat(stage.world.handedOverAt()).isAfterOrEqualTo(next);
    }
  }

  @Test
  void parksAWindowThatIsTooShortForEver() {
    Runbooks runbooks = new Runbooks();
    runbooks.window = "Sun 02:00-02:10 UTC";
    try (Stage stage =
        new Stage(
            runbooks,
            world -> {
              Instant opens = world.now();
              world.window = new Window(opens, opens.plus(Duration.ofMinutes(10)));
            })) {
      MigrationStatus parked = stage.awaitAt(Step.OPENING, State.NEEDS_HELP);

      assertThat(parked.parked().get(0).cause())
          .isEqualTo(
              "The window Sun 02:00-02:10 UTC is shorter than pauseBudget and monitor together"
                  + " (PT30M5S)");
    }
  }

  @Test
  void showsARejectionAndTakesANewApproval() {
    Runbooks runbooks = new Runbooks();
    runbooks.approval = "required";
    try (Stage stage = new Stage(runbooks)) {
      stage.awaitState(State.WAITING_FOR_APPROVAL);
      stage.workflow().reject(new Decision(ANA, "not on a Friday"));
      MigrationStatus rejected = stage.status();
      stage.workflow().approve(new Approval(ANA, null, null));

      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(rejected.waitingFor())
          .isEqualTo("a rollback or a new approval; rejected by ana@example.com: not on a Friday");
    }
  }

  @Test
  void gathersFreshEvidenceOnDemand() {
    Runbooks runbooks = new Runbooks();
    runbooks.approval = "required";
    try (Stage stage = new Stage(runbooks)) {
      MigrationStatus before = stage.awaitState(State.WAITING_FOR_APPROVAL);
      stage.sleep(Duration.ofHours(3));
      stage.workflow().verify(new Decision(ANA, null));
      MigrationStatus after =
          stage.await(
              "verified anew",
              s ->
                  s.state() == State.WAITING_FOR_APPROVAL
                      && !Objects.equals(s.verification(), before.verification()));

      assertThat(Objects.requireNonNull(after.findings()).hash())
          .isEqualTo(Objects.requireNonNull(before.findings()).hash());
    }
  }

  @Test
  void holdsTheSwitchoverWhilePausedInsideTheGate() {
    Runbooks runbooks = new Runbooks();
    runbooks.approval = "required";
    try (Stage stage = new Stage(runbooks)) {
      stage.awaitState(State.WAITING_FOR_APPROVAL);
      stage.workflow().pause(new Decision(ANA, null));
      stage.workflow().approve(new Approval(ANA, null, null));
      stage.sleep(Duration.ofHours(2));
      Side meanwhile = stage.world.truth;
      stage.workflow().resume(new Decision(ANA, null));

      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(meanwhile).isEqualTo(Side.SOURCE);
    }
  }

  @Test
  void keepsTheWayBackUntilTheDecommissionIsApproved() {
    Runbooks runbooks = new Runbooks();
    runbooks.endApproval = "required";
    try (Stage stage = new Stage(runbooks)) {
      MigrationStatus asked = stage.awaitAt(Step.END_APPROVAL, State.WAITING_FOR_APPROVAL);
      stage.sleep(Duration.ofDays(10));
      MigrationStatus still = stage.status();
      stage.untyped().signal("rollback", "we want it back");

      assertThat(stage.result().ending()).isEqualTo(Ending.ROLLED_BACK);
      assertThat(Objects.requireNonNull(asked.findings()).lines().get(0))
          .startsWith("THE WAY BACK ENDS");
      assertThat(still.rollback().possible()).isTrue();
      assertThat(stage.world.truth).isEqualTo(Side.SOURCE);
    }
  }
}
