package dev.whimbrel.postgres;

import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.SwitchoverRequest;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Takes the truth from the losing to the gaining side. Two transactions are open at the same time:
 * F on the losing side locks every table and closes it by its COMMIT, which is the hand-over; G on
 * the gaining side opens it. G is complete before F commits, so that opening is one commit.
 *
 * <p>A process that dies before F's COMMIT leaves nothing behind. One that dies between the two
 * leaves both sides closed, and {@link Finishing} opens the gaining side.
 */
final class Crossing {
  /** Making the applications follow: commands of the runbook's, each a minute at most. */
  static final Duration FOLLOW = Duration.ofMinutes(10);

  private static final Duration CALL = Duration.ofSeconds(5);

  static final Duration POOLER_PAUSE = Duration.ofSeconds(2);

  private final Attempt attempt;
  private final Sessions sessions;
  private final Truth truth;
  private final SwitchoverRequest request;
  private final Side to;
  private final Side from;
  private final Session losing;
  private final Session gaining;
  private final Checkpoints checkpoints;
  private final Opening opening;

  /**
   * The closing behind which everything was copied, where nothing streams: then the marker is
   * written where it has to arrive.
   */
  private final @Nullable Integer closing;

  private volatile boolean mayBeHandedOver;

  Crossing(Attempt attempt) {
    this.attempt = attempt;
    this.sessions = attempt.sessions();
    this.truth = attempt.truth();
    this.request = attempt.request();
    this.to = attempt.to();
    this.from = attempt.from();
    this.losing = attempt.losing();
    this.gaining = attempt.gaining();
    this.opening = attempt.opening();
    this.checkpoints = attempt.checkpoints();
    this.closing = to == Side.TARGET ? request.closing() : null;
  }

  /** Whether F's COMMIT was sent: what it did is known only to the losing side's authority. */
  boolean mayBeHandedOver() {
    return mayBeHandedOver;
  }

  /** Whether the gaining side was opened here. */
  boolean opened() {
    return opening.committed();
  }

  /** Steps 1 to 9. */
  HandOver whole() throws SQLException {
    startWayBackThatNeverRan();
    Followers followers = attempt.followers();
    LargeObjects before = new LargeObjects(attempt);
    before.bring();
    ReadyCheck check = new ReadyCheck(sessions, truth, request, attempt.pulse());
    LastLook look = LastLook.before(attempt);
    Readied readied = check.await();
    opening.approach();
    LastLargeObjects objects = before.approach();
    UnloggedRows unlogged = new UnloggedRows(attempt).list();
    followers.ready(to);
    attempt.stopIfGivenUp();

    sessions.trips().start();
    Deadline deadline = new Deadline(request.pauseBudget());
    sessions.pinger().until(request.pauseBudget());
    followers.pause(Deadline.least(POOLER_PAUSE, deadline.left()));
    checkpoints.at(Checkpoints.Point.PAUSED);

    Fenced fenced = fence(check, readied, objects, unlogged, deadline);
    checkpoints.at(Checkpoints.Point.FENCED);
    UUID marker = UUID.randomUUID();
    sessions
        .besideOn(closing == null ? from : to)
        .run(
            Markers.writeSql(from, marker, Markers.HAND_OVER),
            deadline.forStep("write the marker"));
    checkpoints.at(Checkpoints.Point.MARKED);

    long epoch = truth.decisive().epoch() + 1;
    opening.prepare(
        marker,
        fenced.sequences(),
        unlogged.write(fenced.unlogged()),
        epoch,
        deadline.forStep("open the " + to.word()));
    checkpoints.at(Checkpoints.Point.READY);
    look.look(deadline);
    checkpoints.at(Checkpoints.Point.LOOKED);

    String writers = handOver(marker, epoch, objects, deadline);
    checkpoints.at(Checkpoints.Point.HANDED_OVER);
    objects.last(writers);
    checkpoints.at(Checkpoints.Point.CARRIED);
    opening.commit();
    long pause = deadline.elapsed().toMillis();
    sessions.trips().stop();
    int trips = sessions.trips().inPause() + followers.tripsToPause();
    checkpoints.at(Checkpoints.Point.OPENED);
    sessions.pinger().until(FOLLOW);

    Following following = new Following(attempt);
    boolean back = following.follow(objects::end);
    return following.result(
        epoch,
        pause,
        trips,
        back,
        (closing == null ? "handed over" : "handed over behind closing " + closing)
            + look.words()
            + objects.leftBehind()
            + unlogged.leftBehind());
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
      attempt.opening().startStream(losing, gaining);
    }
  }

  /**
   * What was read with every table locked.
   *
   * @param sequences as {@link Sequences#read} returns them
   * @param unlogged as {@link UnloggedRows#read} does
   */
  private record Fenced(
      List<List<@Nullable String>> sequences, List<List<@Nullable String>> unlogged) {}

  /** Step 2: nobody writes from here on, until F ends one way or the other. */
  private Fenced fence(
      ReadyCheck check,
      Readied readied,
      LastLargeObjects objects,
      UnloggedRows unlogged,
      Deadline deadline)
      throws SQLException {
    Duration left = deadline.forStep("lock the tables");
    List<List<List<@Nullable String>>> answer;
    try {
      answer =
          losing.rows(
              "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL statement_timeout = %d; %s; %s %s; %s; %s"
                  .formatted(
                      left.toMillis(),
                      readied.lock(),
                      unlogged.read(),
                      LastLargeObjects.FOUND,
                      readied.readFingerprint(),
                      readied.readSequences()),
              left);
    } catch (SQLException e) {
      if (Blockers.keptOut(e)) {
        throw Blockers.stayedLocked(sessions.besideOn(from), from, request.pauseBudget(), e);
      }
      if (SqlFailures.is(e, SqlFailures.UNDEFINED_TABLE)
          || SqlFailures.is(e, SqlFailures.UNDEFINED_SCHEMA)) {
        throw changedMeanwhile(check, readied);
      }
      throw e;
    }
    String fingerprint = answer.get(answer.size() - 2).get(0).get(0);
    if (!readied.fingerprint().equals(fingerprint)) {
      throw changedMeanwhile(check, readied);
    }
    objects.mustBeKnown(answer.get(answer.size() - 3).get(0).get(0));
    return new Fenced(
        answer.get(answer.size() - 1), unlogged.any() ? answer.get(answer.size() - 4) : List.of());
  }

  /** Nobody is held up while the catalogs are asked, neither by a lock nor in a pooler. */
  private RuntimeException changedMeanwhile(ReadyCheck check, Readied readied) throws SQLException {
    losing.run("ROLLBACK", CALL);
    attempt.followers().resumeIfPossible();
    return check.changedMeanwhile(readied);
  }

  /** Step 7. Check and COMMIT are one message: nothing can come between them. */
  private @Nullable String handOver(
      UUID marker, long epoch, LastLargeObjects objects, Deadline deadline) throws SQLException {
    Duration left = deadline.forStep("hand over");
    attempt.stopIfGivenUp();
    mayBeHandedOver = true;
    try {
      return losing.value(
          """
          SET LOCAL statement_timeout = %d;
          DO $$ DECLARE t record; BEGIN
            %s %s %s
            IF clock_timestamp() > transaction_timestamp() + interval '%d milliseconds' THEN
              RAISE EXCEPTION 'the pause budget is used up' USING ERRCODE = '57014';
            END IF;
            %s
          END $$;
          %s
          COMMIT"""
              .formatted(
                  left.toMillis(),
                  FenceSql.CLOSING,
                  closing == null ? "" : ClosingSql.spend(closing),
                  Authority.compareAndSet(truth.on(from), to, epoch, marker, request.reason()),
                  request.pauseBudget().toMillis(),
                  objects.mustBeQuiet(),
                  objects.lookForWriters()),
          left);
    } catch (SQLException e) {
      mayBeHandedOver = SqlFailures.endsSession(e);
      if (SqlFailures.is(e, Closing.BROKEN_STATE)) {
        losing.run("ROLLBACK", CALL);
        attempt.followers().resumeIfPossible();
        throw ClosedCopy.broken(request.move(), losing.connection(CALL));
      }
      RuntimeException inTheWay = objects.inTheWay(e);
      if (inTheWay != null) {
        throw inTheWay;
      }
      throw e;
    }
  }
}
