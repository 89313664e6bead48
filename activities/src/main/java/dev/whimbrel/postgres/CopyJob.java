package dev.whimbrel.postgres;

import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.activity.CopyShare;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.postgres.CopyList.Piece;
import io.temporal.failure.ApplicationFailure;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * One of those who copy at once: takes pieces until nothing is left. A failure of a server costs
 * the piece that was under way; when they do not end, the last one is told.
 */
final class CopyJob {
  /** Longer than a server's restart with recovery; then a person is asked. */
  private static final Duration PATIENCE = Duration.ofMinutes(7);

  private static final Duration ANSWER = Duration.ofSeconds(30);
  private static final Duration AFTER_FAILURE = Duration.ofSeconds(1);

  /** Longer than two callers take in turns to fail at the same piece, each for a lock. */
  private static final Duration CALM = Duration.ofMinutes(3);

  private final CopySessions sessions;
  private final CopyRequest request;
  private final CopyProgress progress;
  private final Duration look;
  private final Databases databases;
  private final RowPipe pipe;
  private @Nullable CopyPair pair;
  private @Nullable Instant failingSince;
  private Instant lastFailure = Instant.MIN;
  private int pieces;
  private @Nullable String lost;

  /**
   * A caller without sessions yet.
   *
   * @param look how long it waits where nothing can be taken
   */
  CopyJob(Databases databases, CopyRequest request, Duration look) {
    this.databases = databases;
    this.look = look;
    this.sessions = new CopySessions(databases, request.move());
    this.request = request;
    Throttle throttle = Throttle.of(request.move());
    this.pipe = new RowPipe(throttle);
    this.progress = new CopyProgress(sessions, request.move(), pipe, throttle);
  }

  /** Works until nothing is left for anybody, or the snapshot is gone. */
  CopyShare run() throws SQLException {
    try (CopyProgress looking = progress.watch()) {
      Heartbeats.during(looking::latest, looking::abort, this::takeAll);
      return new CopyShare(pieces, lost != null, lost);
    } finally {
      close();
    }
  }

  /** Returns when everything is done, or the snapshot is gone. */
  private void takeAll() throws SQLException {
    while (true) {
      progress.mustGoOn();
      try {
        CopyPair now = open();
        progress.asks(now);
        if (takeOne(now)) {
          failingSince = null;
        } else if (finished(now)) {
          return;
        } else {
          forgetOldFailures();
          progress.looked();
          Pause.of(look);
        }
      } catch (Snapshots.Gone e) {
        lost = e.why();
        return;
      } catch (SQLException e) {
        giveUpOrRest(e);
      }
    }
  }

  private boolean takeOne(CopyPair now) throws SQLException, Snapshots.Gone {
    Connection target = now.target();
    CopyGenerations generations = new CopyGenerations(target);
    if (!generations.mayKeep(request.move().migration(), request.generation())) {
      throw Snapshots.Gone.of(request.generation());
    }
    Optional<Piece> taken = new CopyList(target).take(request.move());
    if (taken.isEmpty()) {
      target.rollback();
      return false;
    }
    Piece piece = taken.get();
    progress.begin(piece);
    now.beginPiece();
    if (!piece.isBuild()) {
      bring(now, piece);
      pieces++;
    } else if (build(target, piece)) {
      pieces++;
    }
    now.endPiece();
    progress.end();
    return true;
  }

  private void bring(CopyPair now, Piece piece) throws SQLException, Snapshots.Gone {
    long rows = new PieceWork(now, pipe).run(piece);
    new CopyList(now.target()).done(piece, rows, progress.sent().ending());
    now.target().commit();
  }

  /** Gives the piece back and lets the server take it again, so that it needs nobody for it. */
  private boolean build(Connection target, Piece piece) throws SQLException {
    target.rollback();
    return new IndexBuild(target, sessions, request.move()).run(piece);
  }

  private static boolean finished(CopyPair now) throws SQLException {
    Connection target = now.target();
    boolean finished = new CopyList(target).isFinished();
    target.rollback();
    return finished;
  }

  private CopyPair open() throws SQLException, Snapshots.Gone {
    CopyPair open = pair;
    if (open == null) {
      open = CopyPair.open(sessions, request);
      progress.sent().look(open.target());
      pair = open;
    }
    return open;
  }

  /** What others are at does not fail here: hours later something else may. */
  private void forgetOldFailures() {
    if (lastFailure.isBefore(Instant.now().minus(CALM))) {
      failingSince = null;
    }
  }

  /** What passes by itself is tried again with new sessions. */
  private void giveUpOrRest(SQLException e) {
    String at = progress.end();
    close();
    RuntimeException told = told("Cannot copy " + at, e);
    boolean passing =
        (told instanceof ApplicationFailure failure && Failures.TRANSIENT.equals(failure.getType()))
            || SqlFailures.is(e, SqlFailures.TOO_MANY_CONNECTIONS);
    Instant now = Instant.now();
    lastFailure = now;
    failingSince = failingSince == null ? now : failingSince;
    if (!passing) {
      throw told;
    }
    if (Duration.between(failingSince, now).compareTo(PATIENCE) > 0) {
      throw Failures.needsHelp(
          String.valueOf(told.getMessage()),
          "it has not gone away by itself for %d min: mend it, then retry"
              .formatted(PATIENCE.toMinutes()),
          null);
    }
    progress.failing(String.valueOf(told.getMessage()));
    Heartbeats.beat(Progress.of("trying again: " + told.getMessage()));
    Pause.of(AFTER_FAILURE);
  }

  /** A full disk is told with its server: the message itself names only a file. */
  private RuntimeException told(String doing, SQLException e) {
    RuntimeException told = SqlFailures.of(doing, e);
    if (!SqlFailures.is(e, SqlFailures.DISK_FULL)) {
      return told;
    }
    String application = sessions.application();
    try (Connection source = databases.open(request.move().source(), application, ANSWER);
        Connection target = databases.open(request.move().target(), application, ANSWER)) {
      Optional<RuntimeException> full = FullDisk.find(source, target, doing);
      return (full.isPresent() ? full : FullDisk.onTarget(target, e, doing)).orElse(told);
    } catch (SQLException unreachable) {
      return told;
    }
  }

  private void close() {
    CopyPair open = pair;
    pair = null;
    if (open != null) {
      open.close();
    }
  }
}
