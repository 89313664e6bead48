package dev.whimbrel.migration;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.migration.MigrationResult.Ending;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.runbook.TrafficSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

@Execution(ExecutionMode.CONCURRENT)
class CanaryTest {

  @Test
  void provesBothStacksThenShiftsWeightByWeightAndKeepsTheLastUntilTheSwitchover() {
    try (Stage stage = new Stage(new Runbooks().withCanary(5, 25))) {
      MigrationResult result = stage.result();

      assertThat(result.ending()).isEqualTo(Ending.MIGRATED);
      assertThat(stage.world.journal())
          .containsSubsequence(
              "1 checks",
              "prove the canary",
              "set share 5 %",
              "share 5 % in force",
              "set share 25 %",
              "share 25 % in force",
              "hand over to the target",
              "first writes seen",
              "set share 100 %",
              "point names to the target",
              "share 100 % in force",
              "names point to the target");
      assertThat(stage.status().steps())
          .filteredOn(step -> step.id().equals("validate.canary"))
          .singleElement()
          .satisfies(step -> assertThat(step.outcome()).startsWith("25 % baked: share 25 %"));
    }
  }

  @Test
  void aBreachDuringTheBakeTakesTheWeightsBackBeforeAnythingElse() {
    Runbooks runbooks = new Runbooks().withCanary(5, 25);
    runbooks.guards = List.of(Runbooks.guard("rollback"));
    try (Stage stage = Stage.watched(runbooks)) {
      stage.await("25 %", status -> stage.world.journal().contains("share 25 % in force"));
      stage.world.breaches.put(1, "9 of 30 failed, allowed 1%");

      MigrationResult result = stage.result();

      assertThat(result.ending()).isEqualTo(Ending.ROLLED_BACK);
      assertThat(after(stage, "guard 1 breached"))
          .startsWith("set share 0 %", "point names to the source", "share 0 % in force");
    }
  }

  @Test
  void aBreachWhileAnApprovalIsAwaitedTakesTheWeightsBackBeforeTheDatabasesAreAsked() {
    Runbooks runbooks = new Runbooks().withCanary(25);
    runbooks.guards = List.of(Runbooks.guard("rollback"));
    runbooks.approval = "required";
    try (Stage stage = Stage.watched(runbooks)) {
      MigrationStatus waiting = stage.awaitState(State.WAITING_FOR_APPROVAL);
      assertThat(Objects.requireNonNull(waiting.findings()).lines())
          .contains(
              "The target's stack serves 25 % of the traffic.",
              "Before the first percent: 4 ms slower");
      stage.world.breaches.put(1, "9 of 30 failed, allowed 1%");

      MigrationResult result = stage.result();

      assertThat(result.ending()).isEqualTo(Ending.ROLLED_BACK);
      assertThat(after(stage, "guard 1 breached"))
          .startsWith("set share 0 %", "point names to the source", "share 0 % in force");
    }
  }

  @Test
  void afterAHandOverTheWritesGoBackBeforeTheTraffic() {
    try (Stage stage = new Stage(new Runbooks().withCanary(25))) {
      stage.awaitAt(Step.WINDOW, State.WAITING_FOR_TIME);
      stage.untyped().signal("rollback", "because");

      stage.result();

      assertThat(stage.world.journal())
          .containsSubsequence(
              "share 100 % in force",
              "settle on the source",
              "set share 0 %",
              "point names to the source",
              "share 0 % in force",
              "names point to the source",
              "unprepare the switchover",
              "unsubscribe");
    }
  }

  @Test
  void asksWhereTheTargetsStackMayNotServeAndSendsNobodyThere() {
    try (Stage stage =
        new Stage(
            new Runbooks().withCanary(5),
            world ->
                world.canaryFindings =
                    List.of(
                        new Finding(
                            Finding.Level.BLOCKER,
                            "canary-database",
                            "198.51.100.20",
                            "uses the target's database",
                            "point the target's stack to the source's database")))) {
      MigrationStatus parked = stage.awaitState(State.NEEDS_HELP);

      assertThat(parked.parked())
          .singleElement()
          .satisfies(
              p -> {
                assertThat(p.step()).isEqualTo("validate.canary-ready");
                assertThat(p.cause()).contains("198.51.100.20: uses the target's database");
              });
      assertThat(stage.world.journal()).noneMatch(line -> line.startsWith("set share"));
    }
  }

  @Test
  void setsWeightsAgainThatARestartHasLost() {
    try (Stage stage =
        new Stage(new Runbooks().withCanary(25), world -> world.losses.add("HAProxy restarted"))) {
      stage.result();

      assertThat(stage.world.journal())
          .containsSubsequence(
              "share 25 % in force", "HAProxy restarted", "set share 25 %", "share 25 % in force");
    }
  }

  @Test
  void aShareThatSomebodyElseChangedParksBesideTheBakeAndGoesOnAfterARetry() {
    try (Stage stage =
        new Stage(
            new Runbooks().withCanary(25),
            world -> {
              world.losses.add("looked");
              world.fail(
                  "holdShare",
                  Failures.needsHelp("app: expected green 25, found 50", "see who", null));
            })) {
      MigrationStatus parked = stage.awaitState(State.NEEDS_HELP);
      stage.workflow().retry(new StepDecision("ana@example.com", null, null));

      assertThat(parked.parked())
          .singleElement()
          .satisfies(p -> assertThat(p.step()).isEqualTo("validate.hold-share"));
      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
    }
  }

  @Test
  void timeInWhichNobodyWatchedTheShareIsNoPartOfTheBake() {
    try (Stage stage =
        new Stage(
            new Runbooks().withCanary(25),
            world -> {
              world.losses.add("looked");
              world.fail(
                  "holdShare", Failures.needsHelp("app: server green is down", "mend it", null));
            })) {
      stage.awaitState(State.NEEDS_HELP);
      stage.sleep(Duration.ofHours(30));
      Instant retried = stage.world.now();
      stage.workflow().retry(new StepDecision("ana@example.com", null, null));

      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(Duration.between(retried, stage.world.handedOverAt()))
          .isGreaterThanOrEqualTo(Duration.ofHours(24))
          .isLessThan(Duration.ofHours(30));
    }
  }

  @Test
  void timeInWhichABalancerHadLostTheShareIsNoPartOfTheBake() {
    try (Stage stage = Stage.watched(new Runbooks().withCanary(25))) {
      stage.awaitAt(Step.CANARY, State.WAITING_FOR_TIME);
      stage.sleep(Duration.ofHours(12));
      Instant lost = stage.world.now();
      stage.world.losses.add("HAProxy restarted");

      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(stage.world.journal())
          .containsSubsequence("HAProxy restarted", "set share 25 %", "share 25 % in force");
      assertThat(Duration.between(lost, stage.world.handedOverAt()))
          .isGreaterThanOrEqualTo(Duration.ofHours(24));
    }
  }

  @Test
  void aBakeThatBeginsAnewSaysSoInTheStatusAndInTheApproval() {
    Runbooks runbooks = new Runbooks().withCanary(25);
    runbooks.approval = "required";
    try (Stage stage = Stage.watched(runbooks)) {
      stage.awaitAt(Step.CANARY, State.WAITING_FOR_TIME);
      stage.world.losses.add("HAProxy restarted");
      String anew = "begun anew 1 time, last: HAProxy restarted";
      stage.await(
          anew, status -> ("the end of the bake at 25 %, " + anew).equals(status.waitingFor()));
      MigrationStatus waiting = stage.awaitState(State.WAITING_FOR_APPROVAL);

      assertThat(Objects.requireNonNull(waiting.findings()).lines())
          .contains("When 25 % came into force: share 25 % in force; its bake was " + anew);
    }
  }

  @Test
  void theApprovalShowsThatAPersonWentOnWithoutTheWatchOverTheShares() {
    Runbooks runbooks = new Runbooks().withCanary(25);
    runbooks.approval = "required";
    try (Stage stage =
        new Stage(
            runbooks,
            world -> {
              world.losses.add("looked");
              world.fail(
                  "holdShare", Failures.needsHelp("app: server green is down", "mend it", null));
            })) {
      stage.awaitState(State.NEEDS_HELP);
      stage
          .workflow()
          .skip(new StepDecision("ana@example.com", "we know it", Step.HOLD_SHARE.id()));
      MigrationStatus waiting = stage.awaitState(State.WAITING_FOR_APPROVAL);

      assertThat(Objects.requireNonNull(waiting.findings()).lines())
          .contains("SKIPPED: validate.hold-share skipped by ana@example.com: we know it");
    }
  }

  @Test
  void theApprovalShowsEveryoneWhoWentOnWithoutAWatch() {
    Runbooks runbooks = new Runbooks().withCanary(5, 25);
    runbooks.approval = "required";
    try (Stage stage = Stage.watched(runbooks)) {
      stage.awaitAt(Step.CANARY, State.WAITING_FOR_TIME);
      skipParkedWatch(stage, Step.HOLD_SHARE, "ana@example.com");
      stage.await("25 %", status -> stage.world.journal().contains("share 25 % in force"));
      skipParkedWatch(stage, Step.HOLD_SHARE, "luis@example.com");
      MigrationStatus waiting = stage.awaitState(State.WAITING_FOR_APPROVAL);

      assertThat(Objects.requireNonNull(waiting.findings()).lines())
          .contains(
              "SKIPPED: validate.hold-share skipped by ana@example.com: we know it",
              "SKIPPED: validate.hold-share skipped by luis@example.com: we know it");
    }
  }

  @Test
  void theResultShowsWhoWentOnWithoutTheWatchOverTheForwarder() {
    Runbooks runbooks = new Runbooks().withCanary(25);
    runbooks.traffic =
        new TrafficSpec("dns", Objects.requireNonNull(runbooks.traffic).haproxy(), null, "forward");
    try (Stage stage = Stage.watched(runbooks)) {
      stage.awaitAt(Step.WINDOW, State.WAITING_FOR_TIME);
      skipParkedWatch(stage, Step.HOLD_FORWARDER, "ana@example.com");

      assertThat(stage.result().leftOver())
          .contains("cutover.hold-forwarder skipped by ana@example.com: we know it");
    }
  }

  private static void skipParkedWatch(Stage stage, Step watch, String by) {
    stage.world.fail("holdShare", Failures.needsHelp("app: server green is down", "mend it", null));
    stage.world.losses.add("looked");
    stage.await("a parked watch", status -> Stage.isParked(status, watch));
    stage.workflow().skip(new StepDecision(by, "we know it", watch.id()));
  }

  @Test
  void theApprovalShowsHowTheLastShareCameIntoForce() {
    Runbooks runbooks = new Runbooks().withCanary(5, 25);
    runbooks.approval = "required";
    try (Stage stage = new Stage(runbooks)) {
      MigrationStatus waiting = stage.awaitState(State.WAITING_FOR_APPROVAL);

      assertThat(Objects.requireNonNull(waiting.findings()).lines())
          .contains("When 25 % came into force: share 25 % in force")
          .noneMatch(line -> line.startsWith("When 5 %"));
    }
  }

  @Test
  void watchesAForwarderBesideWeightsByNamesAndSetsItAgain() {
    Runbooks runbooks = new Runbooks().withCanary(25);
    runbooks.traffic =
        new TrafficSpec("dns", Objects.requireNonNull(runbooks.traffic).haproxy(), null, "forward");
    try (Stage stage = new Stage(runbooks, world -> world.losses.add("HAProxy restarted"))) {
      stage.result();

      assertThat(stage.world.looks("holdNames")).isPositive();
      assertThat(stage.world.journal())
          .containsSubsequence(
              "names point to the target for 25 %",
              "share 100 % in force",
              "HAProxy restarted",
              "set share 100 %",
              "share 100 % in force");
    }
  }

  @Test
  void forgetsTheTrafficsWayBackWhenThereIsNoneAnyMore() {
    try (Stage stage = new Stage(withFile())) {
      stage.result();

      assertThat(stage.world.journal())
          .containsSubsequence(
              "stop the reverse stream", "clean up", "forget the traffic's way back");
    }
  }

  @Test
  void keepsTheTrafficsWayBackWhileThereIsOne() {
    try (Stage stage = new Stage(withFile())) {
      stage.awaitAt(Step.WINDOW, State.WAITING_FOR_TIME);
      stage.untyped().signal("rollback", "because");

      assertThat(stage.result().ending()).isEqualTo(Ending.ROLLED_BACK);
      assertThat(stage.world.journal()).doesNotContain("forget the traffic's way back");
    }
  }

  private static Runbooks withFile() {
    return new Runbooks().withCanary(25).withFile();
  }

  @Test
  void goesOnWatchingTheShareWhereAPersonSkipsTheRestOfTheBake() {
    Runbooks runbooks = new Runbooks().withCanary(5, 25);
    runbooks.approval = "required";
    try (Stage stage = Stage.watched(runbooks)) {
      stage.awaitAt(Step.CANARY, State.WAITING_FOR_TIME);
      stage.workflow().skip(new StepDecision("ana@example.com", "seen enough", Step.CANARY.id()));
      MigrationStatus waiting = stage.awaitState(State.WAITING_FOR_APPROVAL);
      int looks = stage.world.looks("holdShare");
      stage.sleep(Duration.ofHours(5));

      assertThat(stage.world.looks("holdShare")).isGreaterThan(looks);
      assertThat(Objects.requireNonNull(waiting.findings()).lines())
          .contains("The target's stack serves 5 % of the traffic.");
      assertThat(stage.world.journal()).doesNotContain("set share 25 %");
    }
  }

  private static List<String> after(Stage stage, String line) {
    List<String> journal = stage.world.journal();
    return journal.subList(journal.indexOf(line) + 1, journal.size());
  }
}
