package dev.whimbrel.compute;

import static dev.whimbrel.compute.Snapshot.State.COMPLETE;
import static dev.whimbrel.compute.Snapshot.State.FAILED;
import static dev.whimbrel.compute.Snapshot.State.PENDING;
import static dev.whimbrel.compute.SnapshotCloud.copy;
import static dev.whimbrel.compute.SnapshotCloud.original;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Finding;
import io.temporal.failure.ApplicationFailure;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** Snapshots that are there twice, as a cloud without a client token makes them. */
class SecondSnapshotsTest {
  private static final Duration VISIBLE = Duration.ofMillis(30);
  private static final String TEN = "2026-11-28T10:00:00.000Z";
  private static final String LATER = "2026-11-28T10:00:05.000Z";
  private static final String LEFT_AS_PENDING =
      " was left: it is still being made, or was not seen before";

  @Test
  void ofTwoCompleteOnesTheOlderStays() {
    SnapshotCloud cloud =
        new SnapshotCloud(false)
            .with(original("snap-b", LATER, COMPLETE), original("snap-a", TEN, COMPLETE));

    List<String> lines = drop(cloud);

    assertThat(cloud.journal).containsExactly("delete snap-b");
    assertThat(lines).containsExactly(second("snap-b") + " was deleted");
    assertThat(cloud.looks.get(1) - cloud.looks.get(0)).isGreaterThanOrEqualTo(VISIBLE.toNanos());
  }

  @Test
  void anOlderOneThatHasFailedGoesAndTheCompleteOneStays() {
    SnapshotCloud cloud =
        new SnapshotCloud(false)
            .with(original("snap-a", TEN, FAILED), original("snap-b", LATER, COMPLETE));

    List<String> made = snapshots(cloud).make();

    assertThat(cloud.journal).containsExactly("delete snap-a");
    assertThat(made)
        .containsExactly(
            "vol-0abc is snapshot as snap-b in eu-west-1", second("snap-a") + " was deleted");
  }

  @Test
  void anOlderOneThatMayStillFailIsLeftBesideTheCompleteOne() {
    SnapshotCloud cloud =
        new SnapshotCloud(false)
            .with(original("snap-a", TEN, PENDING), original("snap-b", LATER, COMPLETE));

    List<String> lines = drop(cloud);

    assertThat(cloud.journal).isEmpty();
    assertThat(lines).containsExactly(second("snap-a") + LEFT_AS_PENDING);
  }

  @Test
  void nothingGoesWhereNoneIsComplete() {
    SnapshotCloud cloud =
        new SnapshotCloud(false)
            .with(original("snap-a", TEN, PENDING), original("snap-b", LATER, FAILED));

    List<String> lines = drop(cloud);

    assertThat(cloud.journal).isEmpty();
    assertThat(lines)
        .containsExactly(second("snap-b") + " was left: snap-a was not complete in two looks");
  }

  @Test
  void nothingGoesWhereTheOneThatCountsWasNotCompleteAtTheFirstLook() {
    SnapshotCloud cloud =
        new SnapshotCloud(false)
            .with(original("snap-a", TEN, PENDING), original("snap-b", LATER, FAILED));
    cloud.then(() -> cloud.becomes("snap-a", COMPLETE));

    List<String> lines = drop(cloud);

    assertThat(cloud.journal).isEmpty();
    assertThat(lines)
        .containsExactly(second("snap-b") + " was left: snap-a was not complete in two looks");
  }

  @Test
  void nothingGoesForOneThatAnOldListHadShown() {
    SnapshotCloud cloud =
        new SnapshotCloud(false)
            .with(original("snap-a", TEN, COMPLETE), original("snap-b", LATER, COMPLETE));
    cloud.then(() -> cloud.vanishes("snap-a"));

    List<String> lines = drop(cloud);

    assertThat(cloud.journal).isEmpty();
    assertThat(lines).isEmpty();
  }

  @Test
  void nothingGoesWhereACopyMayStillBeMadeOfIt() {
    SnapshotCloud cloud =
        new SnapshotCloud(true)
            .with(
                original("snap-a", TEN, COMPLETE),
                original("snap-b", LATER, COMPLETE),
                copy("snap-c", LATER, COMPLETE),
                copy("snap-d", LATER, PENDING));

    List<String> lines = drop(cloud);

    assertThat(cloud.journal).isEmpty();
    assertThat(lines)
        .containsExactly(
            "snap-d in eu-north-1, a second copy of vol-0abc," + LEFT_AS_PENDING,
            second("snap-b") + " was left: a copy may still be made of it");
  }

  @Test
  void anAttemptThatFollowsOneThatDiedWaitsForTheCopyBeforeAnOriginalGoes() {
    SnapshotCloud cloud =
        new SnapshotCloud(true)
            .with(
                original("snap-a", TEN, COMPLETE),
                original("snap-b", LATER, COMPLETE),
                copy("snap-c", LATER, PENDING));
    List<String> before = new ArrayList<>();
    cloud
        .then(() -> {})
        .then(() -> {})
        .then(
            () -> {
              before.addAll(cloud.journal);
              cloud.becomes("snap-c", COMPLETE);
              cloud.journal.add("snap-c is complete");
            });

    List<String> made = snapshots(cloud).make();

    assertThat(before).isEmpty();
    assertThat(cloud.journal).containsExactly("snap-c is complete", "delete snap-b");
    assertThat(made)
        .containsExactly(
            "vol-0abc is snapshot as snap-c in eu-north-1", second("snap-b") + " was deleted");
  }

  @Test
  void oneWithoutATimeIsNotTheOldestAndNothingGoesForIt() {
    SnapshotCloud cloud =
        new SnapshotCloud(false)
            .with(original("snap-a", "", COMPLETE), original("snap-b", LATER, COMPLETE));

    List<String> lines = drop(cloud);

    assertThat(cloud.journal).isEmpty();
    assertThat(lines)
        .containsExactly(
            second("snap-a")
                + " was left: it was begun at an unknown time, and snap-b %s: they may be of two rounds"
                    .formatted(LATER));
  }

  @Test
  void oneOfAnEarlierRoundIsNoReasonToDeleteAnother() {
    SnapshotCloud cloud =
        new SnapshotCloud(false)
            .with(
                original("snap-a", "2026-11-28T09:00:00.000Z", COMPLETE),
                original("snap-b", LATER, COMPLETE));

    List<String> lines = drop(cloud);

    assertThat(cloud.journal).isEmpty();
    assertThat(lines).singleElement().asString().endsWith("they may be of two rounds");
  }

  @Test
  void oneThatHasFailedAndIsAloneIsNotDeleted() {
    SnapshotCloud cloud = new SnapshotCloud(false).with(original("snap-a", TEN, FAILED));

    assertThatThrownBy(() -> snapshots(cloud).make())
        .hasMessageContaining("the snapshot of vol-0abc, snap-a in eu-west-1, has failed: 40%");
    assertThat(cloud.journal).isEmpty();
  }

  @Test
  void oneThatTheCloudKeepsParksNothing() {
    SnapshotCloud cloud =
        new SnapshotCloud(false)
            .with(original("snap-a", TEN, COMPLETE), original("snap-b", LATER, COMPLETE))
            .onDelete(
                () -> {
                  throw Failures.needsHelp("an image uses snap-b", "deregister it", null);
                });

    List<String> lines = drop(cloud);

    assertThat(lines).containsExactly(second("snap-b") + " was not deleted: an image uses snap-b");
  }

  @Test
  void comesAgainWhereTheCloudCannotBeAsked() {
    SnapshotCloud cloud =
        new SnapshotCloud(false)
            .with(original("snap-a", TEN, COMPLETE), original("snap-b", LATER, COMPLETE))
            .onDelete(
                () -> {
                  throw Failures.transientFailure("throttled");
                });

    assertThatThrownBy(() -> drop(cloud))
        .isInstanceOf(ApplicationFailure.class)
        .hasMessageContaining("throttled");
  }

  @Test
  void isNamedInTheLogBeforeItGoes() {
    Logger log = (Logger) LoggerFactory.getLogger(SecondSnapshots.class);
    ListAppender<ILoggingEvent> logged = new ListAppender<>();
    List<String> before = new ArrayList<>();
    SnapshotCloud cloud =
        new SnapshotCloud(false)
            .with(original("snap-a", TEN, COMPLETE), original("snap-b", LATER, COMPLETE))
            .onDelete(() -> logged.list.forEach(each -> before.add(each.getFormattedMessage())));
    logged.start();
    log.addAppender(logged);

    try {
      drop(cloud);
    } finally {
      log.detachAppender(logged);
    }

    assertThat(before).containsExactly("shop: " + second("snap-b") + " is being deleted");
  }

  @Test
  void thePlanSaysWhatBecomesOfOneThatIsThere() {
    assertThat(planned(original("snap-a", TEN, COMPLETE)))
        .isEqualTo(
            "expected none, found snap-a in eu-west-1, begun %s by a migration of this name: it counts, and none is made anew. If it is of an earlier round, and no migration of this name is running, delete it."
                .formatted(TEN));
    assertThat(planned(original("snap-a", "", PENDING)))
        .contains(
            "begun at an unknown time by a migration of this name: it is at 40%, it counts, and");
    assertThat(planned(original("snap-a", TEN, FAILED)))
        .contains(
            "it has failed (40%): none is made anew, and the migration stops there until it is deleted.")
        .doesNotContain("it counts");
  }

  private static String planned(Snapshot snapshot) {
    SnapshotCloud cloud = new SnapshotCloud(false).with(snapshot);
    List<Finding> findings = new MachinesCalls(cloud, "shop", looks()).plan().findings();
    assertThat(findings).hasSize(1);
    return findings.get(0).message();
  }

  private static String second(String id) {
    return id + " in eu-west-1, a second snapshot of vol-0abc,";
  }

  private static List<String> drop(SnapshotCloud cloud) {
    return snapshots(cloud).dropSeconds();
  }

  private static Snapshots snapshots(SnapshotCloud cloud) {
    return new Snapshots(cloud, "shop", looks());
  }

  private static Looks looks() {
    return new Looks(new Pace(Duration.ofMillis(1), Duration.ofMinutes(1), VISIBLE));
  }
}
