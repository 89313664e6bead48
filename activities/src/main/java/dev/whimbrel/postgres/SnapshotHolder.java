package dev.whimbrel.postgres;

import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.Side;
import dev.whimbrel.postgres.CopyGenerations.Generation;
import io.temporal.client.ActivityCanceledException;
import io.temporal.failure.ApplicationFailure;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Creates the slot of a generation with its snapshot, has the source keep the snapshot, and needs
 * it. A worker that dies costs nothing: whoever comes next finds both.
 */
final class SnapshotHolder {
  private static final Logger LOG = LoggerFactory.getLogger(SnapshotHolder.class);
  private static final Duration ANSWER = Duration.ofSeconds(30);
  private static final Duration LOOK = Duration.ofSeconds(1);

  private final Databases databases;
  private final Move move;
  private final int generation;
  private final String application;
  private final CopySessions sessions;
  private final KeptSnapshot kept;
  private final CopySlot slot;
  private volatile Progress seen;
  private volatile @Nullable Connection recording;
  private volatile @Nullable Connection creating;

  /** Whether this attempt has looked for the record of a snapshot, and there is none. */
  private volatile boolean missing;

  /** Whether it is known that the snapshot is lost, or of no use. */
  private volatile boolean over;

  /** A snapshot that nobody has taken yet, or an earlier attempt has. */
  SnapshotHolder(Databases databases, CopyRequest request) {
    this.databases = databases;
    this.move = request.move();
    this.generation = request.generation();
    this.slot = new CopySlot(move, generation);
    this.application = Names.applicationName(move.migration(), "hold-snapshot");
    this.sessions = new CopySessions(databases, move);
    this.kept = new KeptSnapshot(sessions, request, KeptSnapshot.PATIENCE);
    this.seen = Progress.of("about to hold snapshot " + generation);
  }

  /**
   * Returns never: ends when the activity is cancelled, or when the snapshot is lost. What fails
   * while there is a snapshot, or may be one, is to be tried again, and finds it.
   *
   * @throws ApplicationFailure {@code Transient} and not to be tried again, when the snapshot was
   *     lost or never was; {@code NeedsHelp} when there can be none, or the slot is lost
   */
  void hold() {
    // No heartbeat before the session is open: until the first one the worker beats.
    try (Connection look = sessions.holder(application)) {
      // One holder at a time, whatever an older one that woke up again may still have in mind.
      StepLock.take(look, "snapshot " + move.migration());
      kept.need(look);
      Heartbeats.during(
          () -> seen,
          () -> abort(look),
          () -> {
            String lsn = begin(look);
            watch(look, lsn);
          });
    } catch (ActivityCanceledException e) {
      letGo();
      throw e;
    } catch (SQLException e) {
      throw told(SqlFailures.of("Cannot hold snapshot " + generation + " of the copy", e));
    } catch (ApplicationFailure e) {
      throw told(e);
    } finally {
      kept.leave();
    }
  }

  /**
   * What cannot be had by this worker at this moment is no reason to give up a snapshot that others
   * have. Where there is none, there is none to be found: another generation follows.
   */
  private RuntimeException told(RuntimeException e) {
    if (over || !(e instanceof ApplicationFailure failure)) {
      return e;
    }
    if (!missing || Thread.currentThread().isInterrupted()) {
      return Failures.transientFailure(failure.getOriginalMessage());
    }
    return Failures.TRANSIENT.equals(failure.getType())
        ? Failures.lost(failure.getOriginalMessage())
        : failure;
  }

  private void abort(Connection look) {
    Heartbeats.abort(look);
    kept.leave();
    for (Connection each : new @Nullable Connection[] {recording, creating}) {
      if (each != null) {
        Heartbeats.abort(each);
      }
    }
  }

  /** Nobody needs it any more. */
  private void letGo() {
    try (Connection source = databases.open(move.source(), application, ANSWER)) {
      kept.end(source);
    } catch (SQLException e) {
      LOG.warn(
          "{}: the source was not told to let go of snapshot {} ({}); the next step tells it, or it does so within an hour",
          move.migration(),
          generation,
          e.getSQLState());
    }
  }

  private void watch(Connection look, String lsn) throws SQLException {
    LiveStream live = new LiveStream(look, move);
    while (true) {
      keep(look);
      String line =
          move.offline()
              ? "snapshot %d is held".formatted(generation)
              : "snapshot %d is held, %s of WAL kept".formatted(generation, kept(look, lsn));
      if (move.staged()) {
        live.look();
      }
      seen = live.saidWith(line);
      Pause.of(LOOK);
    }
  }

  /** What is copied without its slot is copied in vain, and might be again. */
  private String kept(Connection look, String lsn) throws SQLException {
    CopySlot.Seen state = slot.look(look, lsn);
    if (state.doubt().isPresent()) {
      over = true;
      letGo();
      // Where they were dropped on purpose, that is the reason.
      ReleasedSlots.refuseNew(look, move.migration());
      throw Failures.needsHelp(
          state.doubt().get(),
          "mend what the message names, then retry: everything is copied anew",
          "whimbrel retry " + move.migration());
    }
    return state.kept();
  }

  private void keep(Connection look) throws SQLException {
    if (kept.isKept(look)) {
      return;
    }
    try (Connection target = target()) {
      kept.goOn(look, target);
    } catch (Snapshots.Gone e) {
      over = true;
      letGo();
      try (Connection target = target()) {
        throw Failures.lost(
            "Snapshot %d of the copy is lost: %s"
                .formatted(generation, kept.why(look, new CopyGenerations(target))));
      }
    }
  }

  /** Makes slot and snapshot unless an earlier attempt has; returns where the slot begins. */
  private String begin(Connection look) throws SQLException {
    try (Connection target = target()) {
      recording = target;
      CopySessions.keep(target);
      // Held until the record: an older attempt must not name its own slot's position behind the
      // slot that is made here.
      StepLock.take(target, "snapshot " + move.migration());
      CopyGenerations generations = new CopyGenerations(target);
      if (generations.find(generation).isPresent()) {
        return generations.find(generation).map(Generation::lsn).orElseThrow();
      }
      missing = true;
      mustBeWanted(generations);
      String lsn = move.offline() ? beginClosed(look, target) : beginWithSlot(look, target);
      missing = false;
      return lsn;
    } catch (Snapshots.Gone e) {
      throw Failures.transientFailure(e.why() + " before anybody could read it");
    } finally {
      recording = null;
    }
  }

  private void mustBeWanted(CopyGenerations generations) throws SQLException {
    if (generations.last() > generation) {
      throw Failures.transientFailure(
          "Cannot hold snapshot %d of the copy: snapshot %d has taken its place"
              .formatted(generation, generations.last()));
    }
  }

  /** The source is closed for the copy: nothing is written behind the snapshot. */
  private String beginClosed(Connection look, Connection target) throws SQLException {
    Authority.require(look, move.migration(), Side.SOURCE);
    // Before the snapshot: it shows all that was written before the source was closed.
    String behind = ClosedCopy.behind(ClosedCopy.closing(move, look));
    kept.end(look);
    Connection keeper = kept.open();
    String own = Snapshots.take(keeper);
    String lsn = Answers.text(keeper, "SELECT pg_catalog.pg_current_wal_insert_lsn()");
    keep(look, keeper, target, new Taken(own, behind, lsn));
    return lsn;
  }

  private String beginWithSlot(Connection look, Connection target)
      throws SQLException, Snapshots.Gone {
    try (Connection creator = sessions.creator(application)) {
      creating = creator;
      // So that whoever ends the stream ends a slot's creation too.
      StepLock.take(creator, "slot " + move.migration());
      // One that was frozen up to here would leave a slot behind that nobody drops.
      Authority.require(look, move.migration(), Side.SOURCE);
      ReleasedSlots.refuseNew(look, move.migration());
      // What an attempt left behind before its record: nobody can find that snapshot.
      kept.end(look);
      slot.drop(look);
      seen = Progress.of("creating slot " + slot.name() + ", which waits for open transactions");
      CopySlot.Made made = slot.create(creator);
      Connection keeper = kept.open();
      String own = Snapshots.enter(keeper, List.of(made.snapshot()), null, generation);
      keep(look, keeper, target, new Taken(own, slot.name(), made.lsn()));
      return made.lsn();
    } finally {
      creating = null;
    }
  }

  /** What is recorded of a snapshot. */
  private record Taken(String snapshot, String behind, String lsn) {}

  /** A snapshot that nobody could find would be kept in vain. */
  private void keep(Connection look, Connection keeper, Connection target, Taken taken)
      throws SQLException {
    String identity = Snapshots.identity(keeper);
    try {
      kept.letWait(look, keeper);
      target.setAutoCommit(false);
      new CopyGenerations(target)
          .begin(generation, taken.behind(), taken.snapshot(), taken.lsn(), identity);
      target.commit();
    } catch (SQLException | RuntimeException e) {
      kept.endOwn(look, e);
      throw e;
    }
  }

  /** Whoever goes on from what is recorded there must find it behind a fail-over too. */
  private Connection target() throws SQLException {
    Connection target = databases.open(move.target(), application, ANSWER);
    try {
      Verbatim.execute(target, "SET synchronous_commit = on");
      return target;
    } catch (SQLException e) {
      target.close();
      throw e;
    }
  }
}
