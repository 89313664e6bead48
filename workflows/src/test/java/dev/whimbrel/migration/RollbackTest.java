package dev.whimbrel.migration;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Side;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@Execution(ExecutionMode.CONCURRENT)
class RollbackTest {
  private static final List<String> TTL = List.of("restore TTL", "TTL restored");
  private static final List<String> SETTLE = List.of("settle on the source");
  private static final List<String> TRAFFIC =
      List.of("point names to the source", "names point to the source");

  /** Every activity of the way forward, and what is taken back when it was reached. */
  @SuppressWarnings("ImmutableEnumChecker")
  private enum At {
    preflight(),
    claim(List.of("release both databases")),
    findRecords(claim),
    setTtl(TTL, claim),
    awaitTtl(setTtl),
    createTables(List.of("drop the copy"), setTtl),
    prepareCopy(List.of("unsubscribe"), createTables),
    openGeneration(prepareCopy),
    copyPieces(prepareCopy),
    finishCopy(prepareCopy),
    subscribe(prepareCopy),
    createRest(subscribe),
    awaitCaughtUp(subscribe),
    analyze(subscribe),
    carrySequences(subscribe),
    soak(subscribe),
    verify(subscribe),
    smoke(subscribe),
    judgeUsers(subscribe),
    prepareSwitchover(
        concat(concat(SETTLE, TRAFFIC), List.of("unprepare the switchover")), subscribe),
    handOver(prepareSwitchover),
    awaitFirstWrites(handOver),
    shift(handOver),
    awaitPropagation(handOver),
    awaitTail(handOver);

    final List<String> undone;

    At() {
      this.undone = List.of();
    }

    At(List<String> undone) {
      this.undone = undone;
    }

    At(At same) {
      this.undone = same.undone;
    }

    At(List<String> first, At then) {
      this.undone = concat(first, then.undone);
    }
  }

  @ParameterizedTest
  @EnumSource(At.class)
  void takesBackWhatWasDoneNewestFirstWhenAskedDuring(At at) {
    try (Stage stage = new Stage(new Runbooks())) {
      List<String> before = new ArrayList<>();
      stage.world.during(
          at.name(),
          () -> {
            before.addAll(stage.world.journal());
            stage
                .workflow()
                .requestRollback(new RollbackRequest("ana@example.com", "because", false));
          });

      MigrationResult result = stage.result();

      assertThat(result)
          .isEqualTo(
              new MigrationResult(
                  MigrationResult.Ending.ROLLED_BACK,
                  "shop runs on the source again; rolled back by ana@example.com: because",
                  List.of()));
      assertThat(after(before, stage.world.journal())).isEqualTo(at.undone);
      assertThat(stage.world.truth).isEqualTo(Side.SOURCE);
    }
  }

  @ParameterizedTest
  @EnumSource(At.class)
  void takesBackAStepThatHappenedAndThenFailed(At at) {
    try (Stage stage = new Stage(new Runbooks())) {
      List<String> before = new ArrayList<>();
      stage.world.fail(at.name(), Failures.needsHelp("it broke", "mend it", "MEND"));
      stage.world.during(at.name(), () -> before.addAll(stage.world.journal()));
      MigrationStatus parked =
          stage.await("parked", s -> s.state() == MigrationStatus.State.NEEDS_HELP);
      stage.untyped().signal("rollback", "because");

      MigrationResult result = stage.result();

      assertThat(parked.parked()).hasSize(1);
      assertThat(parked.parked().get(0).cause()).isEqualTo("it broke");
      assertThat(parked.parked().get(0).remedy()).isEqualTo("mend it");
      assertThat(parked.parked().get(0).command()).isEqualTo("MEND");
      assertThat(result.ending()).isEqualTo(MigrationResult.Ending.ROLLED_BACK);
      assertThat(after(before, stage.world.journal())).isEqualTo(at.undone);
      assertThat(stage.world.truth).isEqualTo(Side.SOURCE);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"prepare.lower-ttl", "cutover.monitor", "cutover.window"})
  void goesBackAtOnceWhileTimeIsWaitedFor(String step) {
    try (Stage stage = new Stage(new Runbooks())) {
      stage.await(
          "waiting at " + step,
          s -> step.equals(s.step()) && s.state() == MigrationStatus.State.WAITING_FOR_TIME);
      List<String> before = stage.world.journal();
      stage.untyped().signal("rollback", "because");

      MigrationResult result = stage.result();

      assertThat(result.ending()).isEqualTo(MigrationResult.Ending.ROLLED_BACK);
      assertThat(after(before, stage.world.journal()))
          .isEqualTo(step.startsWith("cutover") ? At.handOver.undone : At.setTtl.undone);
    }
  }

  @Test
  void asksTheDatabasesWhoIsTheTruthSincePeopleMayHaveHandedOverByHand() {
    try (Stage stage = new Stage(new Runbooks())) {
      stage.world.during(
          "prepareSwitchover",
          () -> {
            stage.world.truth = Side.TARGET;
            stage
                .workflow()
                .requestRollback(new RollbackRequest("ana@example.com", "because", false));
          });

      assertThat(stage.result().ending()).isEqualTo(MigrationResult.Ending.ROLLED_BACK);
      assertThat(stage.world.truth).isEqualTo(Side.SOURCE);
      assertThat(stage.world.journal()).contains("settle on the source");
    }
  }

  private static List<String> after(List<String> before, List<String> all) {
    return all.subList(before.size(), all.size());
  }

  private static List<String> concat(List<String> first, List<String> then) {
    List<String> all = new ArrayList<>(first);
    all.addAll(then);
    return List.copyOf(all);
  }
}
