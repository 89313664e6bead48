package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.Side;
import io.temporal.failure.ApplicationFailure;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Goes on where an earlier attempt has handed over: opens the gaining side, or takes it back. */
final class Finishing {
  private static final Duration CALL = Duration.ofSeconds(5);

  /** Listing tables, and reading one that takes long. */
  private static final Duration UNLOGGED = Duration.ofSeconds(30);

  private final Attempt attempt;
  private final Session losing;
  private final Session gaining;
  private final Opening opening;
  private final Following following;

  Finishing(Attempt attempt) {
    this.attempt = attempt;
    this.losing = attempt.losing();
    this.gaining = attempt.gaining();
    this.opening = attempt.opening();
    this.following = new Following(attempt);
  }

  /** Whether the gaining side, or the one that takes back, was opened here. */
  boolean opened() {
    return opening.committed();
  }

  /** Steps 3 to 9 for the gaining side alone. */
  HandOver finish() throws SQLException {
    Authority.Row decided = attempt.truth().decisive();
    Duration patience = attempt.request().patience();
    Deadline deadline = new Deadline(patience);
    attempt.sessions().pinger().until(patience.plus(CALL));
    holdClientsBack();
    attempt.checkpoints().at(Checkpoints.Point.PAUSED);

    UUID marker = decided.marker();
    List<List<@Nullable String>> sequences = List.of();
    UnloggedRows unlogged = new UnloggedRows(attempt);
    String rows = "";
    String left = "";
    if (marker != null) {
      awaitMarker(marker, deadline);
      sequences =
          losing.rows(Sequences.read(losing.rows(listSequences(), CALL).get(0)), CALL).get(0);
    }
    // What G needs waits for the disk alone: a standby that does not answer would hold it up for
    // good. G's own COMMIT waits, and stands behind all of it in the log.
    gaining.run("SET synchronous_commit = local", CALL);
    if (marker != null) {
      attempt.sessions().pinger().until(patience.plus(CALL));
      left = new LargeObjects(attempt).finish();
      attempt.sessions().pinger().until(patience.plus(UNLOGGED));
      rows = unlogged.list().readNowOrLeave();
    }
    attempt.sessions().pinger().until(patience.plus(CALL));
    opening.prepare(marker, sequences, rows, decided.epoch(), CALL);
    attempt.checkpoints().at(Checkpoints.Point.READY);
    opening.commit();
    attempt.checkpoints().at(Checkpoints.Point.OPENED);
    attempt.sessions().pinger().until(Crossing.FOLLOW);

    boolean back = following.follow();
    return following.result(
        decided.epoch(),
        0,
        0,
        back,
        "an earlier attempt's hand-over was finished" + left + unlogged.leftBehind());
  }

  private String listSequences() throws SQLException {
    return Sequences.list(
        Selection.on(losing.side(), attempt.request().move(), losing.connection(CALL)));
  }

  /** A kindness to clients; both sides are closed, and a pooler must not keep them so. */
  private void holdClientsBack() {
    try {
      attempt.followers().ready(attempt.to());
      attempt.followers().pause(Crossing.POOLER_PAUSE);
    } catch (ApplicationFailure e) {
      attempt.pulse().say(Progress.of("clients are not held back: " + e.getOriginalMessage()));
    }
  }

  /** Step 9 alone: the gaining side is open already. */
  HandOver followOnly() throws SQLException {
    boolean handedOver = attempt.truth().moved();
    boolean back = false;
    if (handedOver) {
      back = following.follow();
    } else {
      attempt.followers().resumeIfPossible();
    }
    return following.result(
        attempt.truth().decisive().epoch(),
        0,
        0,
        back,
        handedOver ? "was open already" : "never left");
  }

  /**
   * Takes back a hand-over whose gaining side never opened: that side refuses for ever, in a newer
   * epoch, and the side that handed over opens again. Nothing was written meanwhile.
   */
  HandOver takeBack() throws SQLException {
    // Here `to` handed over and `from` never opened.
    attempt.stopIfGivenUp();
    Side from = attempt.from();
    Authority.Row decided = attempt.truth().decisive();
    long epoch = decided.epoch() + 1;
    String reason = attempt.request().reason();
    Deadline clock = new Deadline(attempt.request().patience());
    // Without the standby of a side that stays closed: where it forgets, the other side's newer
    // epoch is right all the same.
    losing.run(
        "SET LOCAL synchronous_commit = local; DO $$ DECLARE t record; BEGIN "
            + Opening.mustBeClosed()
            + Authority.compareAndSet(attempt.truth().on(from), attempt.to(), epoch, null, reason)
            + " END $$",
        CALL);
    attempt.checkpoints().at(Checkpoints.Point.HANDED_OVER);
    opening.openAgain(decided, epoch, reason, CALL);
    attempt.checkpoints().at(Checkpoints.Point.OPENED);
    following.follow();
    return following.result(
        epoch,
        clock.elapsed().toMillis(),
        0,
        false,
        "the " + from.word() + " had not opened: the hand-over was taken back");
  }

  private void awaitMarker(UUID marker, Deadline patience) throws SQLException {
    Side from = attempt.from();
    Side to = attempt.to();
    String arrived = "SELECT " + attempt.stream().arrived(marker);
    while (!gaining.holds(arrived, CALL)) {
      attempt.pulse().check();
      if (patience.passed() && attempt.request().move().offline() && to == Side.TARGET) {
        throw Failures.needsHelp(
            "The source handed over (epoch %d), but the target has lost what it had confirmed: the marker of the hand-over is not there, and nothing streams that could bring it. Was it restored, or did a standby take its place?"
                .formatted(attempt.truth().decisive().epoch()),
            "bring back the target that had it, then retry; or roll back, which opens the source again: nothing was written since, and nothing is lost. Both sides are closed until then",
            "whimbrel rollback " + attempt.request().move().migration());
      }
      if (patience.passed()) {
        throw Failures.needsHelp(
            "The %s handed over (epoch %d), but its last rows do not arrive on the %s: the stream %s stands still"
                .formatted(
                    from.word(),
                    attempt.truth().decisive().epoch(),
                    to.word(),
                    String.join(", ", lacking(marker))),
            "mend the stream (see the %s's log), then retry; both sides are closed until then"
                .formatted(to.word()),
            "whimbrel retry " + attempt.request().move().migration());
      }
      Pause.of(Duration.ofMillis(50));
    }
  }

  /** The subscriptions that have not brought a marker. */
  private List<String> lacking(UUID marker) throws SQLException {
    List<String> lacking = new ArrayList<>();
    for (Stream.Lane lane : attempt.stream().lanes()) {
      if (!gaining.holds("SELECT " + lane.arrived(marker), CALL)) {
        lacking.add(lane.subscription());
      }
    }
    return lacking;
  }
}
