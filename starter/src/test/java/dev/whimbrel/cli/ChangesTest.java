package dev.whimbrel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.migration.MigrationResult;
import dev.whimbrel.migration.MigrationStatus.State;
import java.time.ZoneOffset;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class ChangesTest {
  @Test
  void tellsEverythingAtFirstAndOnlyWhatIsNewAfterwards() {
    Snapshot first = snapshot(State.WAITING_FOR_APPROVAL, null);
    Snapshot ended = snapshot(State.ENDED, MigrationResult.Ending.MIGRATED);

    assertThat(Changes.between(null, first, ZoneOffset.UTC))
        .containsExactly(
            "+ prepare.preflight         02:15:00  2 s  no blocker",
            "> cutover.approval          02:15:03  4 min 57 s",
            "WRITES GO TO: source (epoch 1). GO BACK: yes, at any time, about 2 s, 0 writes at risk:"
                + " whimbrel rollback shop",
            "WAITING_FOR_APPROVAL: approval by ana@example.com",
            "  whimbrel approve shop --findings 0123456789ab");
    assertThat(Changes.between(first, first, ZoneOffset.UTC)).isEmpty();
    assertThat(Changes.between(first, ended, ZoneOffset.UTC)).isEmpty();
  }

  @Test
  void tellsThatTheWritesHaveMoved() {
    assertThat(
            Changes.between(snapshot(State.RUNNING, null), Statuses.inTheWindow(), ZoneOffset.UTC))
        .first()
        .asString()
        .startsWith("WRITES GO TO: target (since 02:14:07, epoch 3)");
  }

  @Test
  void warnsOnceAndAgainWhenItGetsWorse() {
    Snapshot near = warning("the slots keep 41 GB of WAL on the source");
    Snapshot nearer = warning("the slots keep 42 GB of WAL on the source");
    Snapshot passed = warning("THE LIMIT IS PASSED: the slots keep 51 GB");

    assertThat(Changes.between(snapshot(State.RUNNING, null), near, ZoneOffset.UTC))
        .containsExactly("WARNING: the slots keep 41 GB of WAL on the source");
    assertThat(Changes.between(near, nearer, ZoneOffset.UTC)).isEmpty();
    assertThat(Changes.between(nearer, passed, ZoneOffset.UTC))
        .containsExactly("WARNING: THE LIMIT IS PASSED: the slots keep 51 GB");
  }

  private static Snapshot warning(String words) {
    Snapshot bare = snapshot(State.RUNNING, null);
    return new Snapshot(
        bare.status(),
        true,
        List.of(new Snapshot.Activity("AwaitWal", "kept", null, null, 1, null, words)),
        null,
        Statuses.NOW);
  }

  private static Snapshot snapshot(State state, MigrationResult.@Nullable Ending ending) {
    return new Snapshot(
        Statuses.waitingForApproval("shop", Statuses.NOW.minusSeconds(300), state, ending),
        true,
        List.of(),
        null,
        Statuses.NOW);
  }
}
