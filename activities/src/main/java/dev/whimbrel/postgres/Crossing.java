package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.SwitchoverRequest;
import io.temporal.failure.ApplicationFailure;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Takes the truth from the losing to the gaining side. Two transactions are open at the same time:
 * F on the losing side locks every table and closes it by its COMMIT, which is the hand-over; G on
 * the gaining side opens it. G is complete before F commits, so that opening is one commit.
 *
 * <p>A process that dies before F's COMMIT leaves nothing behind. One that dies between the two
 * leaves both sides closed, and {@link #finish} opens the gaining side.
 */
final class Crossing {
  private static final Duration CALL = Duration.ofSeconds(5);

  /** Making the applications follow: commands of the runbook's, each a minute at most. */
  private static final Duration FOLLOW = Duration.ofMinutes(10);

  private static final Duration POOLER_PAUSE = Duration.ofSeconds(2);

  private final Sessions sessions;
  private final Truth truth;
  private final SwitchoverRequest request;
  private final Side to;
  private final Side from;
  private final Session losing;
  private final Session gaining;
  private final Stream stream;
  private final Followers followers;
  private final Checkpoints checkpoints;
  private final Pulse pulse;
  private final Opening opening;
  private volatile boolean mayBeHandedOver;

  Crossing(
      Sessions sessions,
      Truth truth,
      SwitchoverRequest request,
      Followers followers,
      Checkpoints checkpoints,
      Pulse pulse) {
    this.sessions = sessions;
    this.truth = truth;
    this.request = request;
    this.to = request.to();
    this.from = to.other();
    this.losing = sessions.on(from);
    this.gaining = sessions.on(to);
    Names names = new Names(request.move().migration());
    this.stream = Stream.leaving(from, names);
    this.followers = followers;
    this.checkpoints = checkpoints;
    this.pulse = pulse;
    this.opening = new Opening(gaining, stream, names, truth.on(to), wayBackWanted());
  }

  /** Whether F's COMMIT was sent: what it did is known only to the losing side's authority. */
  boolean mayBeHandedOver() {
    return mayBeHandedOver;
  }

  /** Steps 1 to 9. */
  HandOver whole() throws SQLException {
    startWayBackThatNeverRan();
    Readied readied = new ReadyCheck(sessions, truth, request, pulse).await();
    opening.approach();
    followers.ready();
    stopIfGivenUp();

    sessions.trips().start();
    Deadline deadline = new Deadline(request.pauseBudget());
    sessions.pinger().until(request.pauseBudget());
    followers.pause(least(POOLER_PAUSE, deadline.left()));
    checkpoints.at(Checkpoints.Point.PAUSED);

    List<List<@Nullable String>> sequences = fence(readied, deadline);
    checkpoints.at(Checkpoints.Point.FENCED);
    UUID marker = UUID.randomUUID();
    sessions
        .besideOn(from)
        .run(
            Markers.writeSql(from, marker, Markers.HAND_OVER),
            deadline.forStep("write the marker"));
    checkpoints.at(Checkpoints.Point.MARKED);

    drain(marker, sequences, deadline);
    checkpoints.at(Checkpoints.Point.DRAINED);
    opening.moveWayBack(deadline.forStep("start the way back"));
    checkpoints.at(Checkpoints.Point.WAY_BACK_MOVED);

    long epoch = truth.decisive().epoch() + 1;
    opening.prepare(marker, epoch, deadline.forStep("open the " + to.word()));
    checkpoints.at(Checkpoints.Point.READY);

    handOver(marker, epoch, deadline);
    checkpoints.at(Checkpoints.Point.HANDED_OVER);
    opening.commit(CALL);
    long pause = deadline.elapsed().toMillis();
    sessions.trips().stop();
    int trips = sessions.trips().inPause() + followers.tripsToPause();
    checkpoints.at(Checkpoints.Point.OPENED);
    sessions.pinger().until(FOLLOW);

    boolean back = follow();
    return result(epoch, pause, trips, back, "handed over");
  }

  /** Steps 3 to 9 for the gaining side alone: an earlier attempt has handed over. */
  HandOver finish() throws SQLException {
    Authority.Row decided = truth.decisive();
    mayBeHandedOver = true;
    Deadline patience = new Deadline(request.patience());
    sessions.pinger().until(request.patience().plus(CALL));
    holdClientsBack();
    checkpoints.at(Checkpoints.Point.PAUSED);

    UUID marker = decided.marker();
    if (marker != null) {
      awaitMarker(marker, patience);
      List<List<@Nullable String>> sequences =
          losing.rows(Sequences.read(losing.rows(Sequences.LIST, CALL).get(0)), CALL).get(0);
      drain(marker, sequences, new Deadline(CALL));
      checkpoints.at(Checkpoints.Point.DRAINED);
      opening.moveWayBack(CALL);
      checkpoints.at(Checkpoints.Point.WAY_BACK_MOVED);
    }
    opening.prepare(marker, decided.epoch(), CALL);
    checkpoints.at(Checkpoints.Point.READY);
    opening.commit(CALL);
    checkpoints.at(Checkpoints.Point.OPENED);
    sessions.pinger().until(FOLLOW);

    boolean back = follow();
    return result(decided.epoch(), 0, 0, back, "an earlier attempt's hand-over was finished");
  }

  /** A kindness to clients; both sides are closed, and a pooler must not keep them so. */
  private void holdClientsBack() {
    try {
      followers.ready();
      followers.pause(POOLER_PAUSE);
    } catch (ApplicationFailure e) {
      pulse.say(Progress.of("clients are not held back: " + e.getOriginalMessage()));
    }
  }

  /** Step 9 alone: the gaining side is open already. */
  HandOver followOnly() throws SQLException {
    mayBeHandedOver = true;
    boolean handedOver = truth.moved();
    boolean back = false;
    if (handedOver) {
      followers.ready();
      back = follow();
    } else {
      followers.resumeIfPossible();
    }
    return result(
        truth.decisive().epoch(), 0, 0, back, handedOver ? "was open already" : "never left");
  }

  /**
   * Takes back a hand-over whose gaining side never opened: that side refuses for ever, in a newer
   * epoch, and the side that handed over opens again. Nothing was written meanwhile.
   */
  HandOver takeBack() throws SQLException {
    // Here `to` handed over and `from` never opened.
    stopIfGivenUp();
    Authority.Row decided = truth.decisive();
    long epoch = decided.epoch() + 1;
    mayBeHandedOver = true;
    Deadline clock = new Deadline(request.patience());
    losing.run(
        "DO $$ DECLARE t record; BEGIN "
            + Opening.mustBeClosed()
            + Authority.compareAndSet(truth.on(from), to, epoch, null, request.reason())
            + " END $$",
        CALL);
    checkpoints.at(Checkpoints.Point.HANDED_OVER);
    opening.openAgain(decided, epoch, request.reason(), CALL);
    checkpoints.at(Checkpoints.Point.OPENED);
    followers.ready();
    follow();
    return result(
        epoch,
        clock.elapsed().toMillis(),
        0,
        false,
        "the " + from.word() + " had not opened: the hand-over was taken back");
  }

  /**
   * An attempt that died between opening the target and starting the stream back left it switched
   * off; its slot stands where the target opened, so that nothing is missing.
   */
  private void startWayBackThatNeverRan() throws SQLException {
    Authority.Row source = truth.source();
    if (from == Side.TARGET
        && truth.target().canGoBack()
        && source.marker() != null
        && source.epoch() == truth.target().epoch()) {
      opening.startStream(losing, gaining);
    }
  }

  private boolean wayBackWanted() {
    return to == Side.TARGET && truth.on(to).canGoBack();
  }

  private void stopIfGivenUp() {
    pulse.check();
    if (pulse.cancelled()) {
      throw Failures.transientFailure("Stopped before anything was changed");
    }
    pulse.mustNotHaveFrozen();
  }

  /** Step 2: nobody writes from here on, until F ends one way or the other. */
  private List<List<@Nullable String>> fence(Readied readied, Deadline deadline)
      throws SQLException {
    Duration left = deadline.forStep("lock the tables");
    List<List<List<@Nullable String>>> answer;
    try {
      answer =
          losing.rows(
              "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL statement_timeout = %d; %s; %s; %s"
                  .formatted(
                      left.toMillis(), readied.lock(), Fence.FINGERPRINT, readied.readSequences()),
              left);
    } catch (SQLException e) {
      if (SqlFailures.is(e, SqlFailures.QUERY_CANCELED) || SqlFailures.is(e, "40P01")) {
        throw stayedLocked(e);
      }
      throw e;
    }
    String fingerprint = answer.get(answer.size() - 2).get(0).get(0);
    if (!Objects.equals(fingerprint, truth.on(from).fingerprint())) {
      throw Failures.needsHelp(
          "The catalog of the %s is no longer the one that the switchover was prepared for: a table, column or sequence was added, changed or dropped"
              .formatted(from.word()),
          "make the same change on the other side and add new tables to the publication, or take the change back; then prepare again",
          "whimbrel retry " + request.move().migration());
    }
    return answer.get(answer.size() - 1);
  }

  private RuntimeException stayedLocked(SQLException e) throws SQLException {
    List<Finding> blockers =
        Blockers.on(sessions.besideOn(from), from, request.pauseBudget().dividedBy(2));
    return Failures.transientFailure(
        "The %s's tables could not be locked within %d ms (%s): %s"
            .formatted(
                from.word(),
                request.pauseBudget().toMillis(),
                e.getSQLState(),
                Blockers.line(blockers)));
  }

  /** Steps 3 and 4, in one message: wait for the marker, flush, carry the sequences over. */
  private void drain(UUID marker, List<List<@Nullable String>> sequences, Deadline deadline)
      throws SQLException {
    Duration left = deadline.forStep("drain");
    try {
      gaining.run(
          Markers.awaitSql(from, marker, left)
              + "; SELECT pg_logical_emit_message(true, 'whimbrel', 'flush'); "
              + Sequences.carry(sequences, Sequences.MARGIN),
          left.plus(Duration.ofSeconds(1)));
    } catch (SQLException e) {
      if (SqlFailures.is(e, Markers.NOT_ARRIVED)) {
        throw Failures.transientFailure(
            "The stream to the %s did not drain within %d ms"
                .formatted(to.word(), left.toMillis()));
      }
      throw e;
    }
  }

  private void awaitMarker(UUID marker, Deadline patience) throws SQLException {
    while (!Markers.arrived(gaining.connection(), from, marker)) {
      pulse.check();
      if (patience.passed()) {
        throw Failures.needsHelp(
            "The %s handed over (epoch %d), but its last rows do not arrive on the %s: the stream %s stands still"
                .formatted(from.word(), truth.decisive().epoch(), to.word(), stream.subscription()),
            "mend the stream (see the %s's log), then retry; both sides are closed until then"
                .formatted(to.word()),
            "whimbrel retry " + request.move().migration());
      }
      try {
        Thread.sleep(50);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw Failures.transientFailure("Interrupted");
      }
    }
  }

  /** Step 7. Check and COMMIT are one message: nothing can come between them. */
  private void handOver(UUID marker, long epoch, Deadline deadline) throws SQLException {
    Duration left = deadline.forStep("hand over");
    stopIfGivenUp();
    mayBeHandedOver = true;
    try {
      losing.run(
          """
          SET LOCAL statement_timeout = %d;
          DO $$ DECLARE t record; BEGIN
            %s %s
            IF clock_timestamp() > transaction_timestamp() + interval '%d milliseconds' THEN
              RAISE EXCEPTION 'the pause budget is used up' USING ERRCODE = '57014';
            END IF;
          END $$;
          COMMIT"""
              .formatted(
                  left.toMillis(),
                  Fence.closing(),
                  Authority.compareAndSet(truth.on(from), to, epoch, marker, request.reason()),
                  request.pauseBudget().toMillis()),
          left);
    } catch (SQLException e) {
      mayBeHandedOver = inDoubt(e);
      throw e;
    }
  }

  /** A session that ended may have ended after its COMMIT; a statement that failed has not. */
  private static boolean inDoubt(SQLException e) {
    String state = e.getSQLState();
    return state == null
        || state.startsWith("08")
        || state.startsWith("57P")
        || state.startsWith("25P");
  }

  /**
   * Step 9. Applications first: they are waiting, and a worker of the stream that came may take
   * seconds to leave. What they write meanwhile is kept by the way back's slot.
   */
  private boolean follow() throws SQLException {
    // Whoever has come later has ended this session: then the applications are theirs to lead.
    gaining.run("SELECT 1", CALL);
    boolean back;
    try {
      followers.ready();
      followers.follow(to);
      followers.resume();
      checkpoints.at(Checkpoints.Point.FOLLOWED);
    } finally {
      // Also where an application does not follow: others write already.
      back = wayBackWanted() && opening.startStream(gaining, losing);
    }
    checkpoints.at(Checkpoints.Point.REVERSED);
    if (followers.haveLeft(from)) {
      opening.endLeftOver(losing); // What stays meets the fence.
    }
    return back;
  }

  private HandOver result(long epoch, long pause, int trips, boolean back, String how)
      throws SQLException {
    Authority.Row lost = sessions.row(from);
    boolean handedOver = lost.moved() || sessions.row(to).moved();
    return new HandOver(
        to,
        epoch,
        handedOver ? lost.changedAt() : null,
        pause,
        trips,
        handedOver,
        back,
        "writes go to the %s (%s), epoch %d%s%s"
            .formatted(
                to.word(),
                how,
                epoch,
                pause > 0 ? ", %d ms write pause, %d round trips".formatted(pause, trips) : "",
                to == Side.TARGET && !back ? "; THERE IS NO WAY BACK" : ""));
  }

  private static Duration least(Duration a, Duration b) {
    return a.compareTo(b) < 0 ? a : b;
  }
}
