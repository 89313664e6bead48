package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.FutureTask;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Snapshots of both sides that hold the same transactions.
 *
 * <p>The source's is taken in the moment in which a marker is committed. On the target somebody has
 * begun to insert the marker's row already, so that the stream waits at it for as long as it takes
 * to take the other snapshot, a second at most: then that session is ended by its server. Where
 * several streams share the tables, those that are quick wait there for the slowest, {@link
 * #ARRIVES} at most. What was committed between the source's snapshot and the marker is read from a
 * slot of this session's own; where there is something, the two are not exactly the same, and
 * another try is made.
 */
final class SamePosition implements AutoCloseable {
  /** A marker travels in milliseconds; a stream that is further behind is not compared. */
  static final Duration ARRIVES = Duration.ofSeconds(60);

  /** What a commit takes at most from its record in the log to being seen by others. */
  private static final Duration COMMITTING = Duration.ofMillis(250);

  private static final Duration ANSWER = Duration.ofSeconds(90);
  private static final Duration MOMENT = Duration.ofSeconds(5);

  /** Longer than one query is looked at; then nobody is there who would use the slot again. */
  private static final Duration FROZEN = Duration.ofMinutes(5);

  private static final int TRIES = 12;
  private static final String WRITER = "queries";

  private static final String PATIENCE =
      "SET statement_timeout = '70s'; SET lock_timeout = '5s'; SET search_path = pg_catalog;"
          + " SET synchronous_commit = local; SET default_transaction_read_only = off;"
          + " SET default_transaction_isolation = 'read committed';"
          + " SET client_min_messages = warning;";

  private static final Map<String, String> SIMPLE = Map.of("preferQueryMode", "simple");

  private final Stream stream;
  private final List<Connection> all = new ArrayList<>();
  private final Connection source;
  private final Connection target;
  private final Connection writer;
  private final HeldMarker held;
  private final CommitsBetween commits;
  private final Duration arrives;
  private boolean exact;

  private SamePosition(
      Databases databases, Move move, Stream stream, QuerySessions sessions, Duration arrives)
      throws SQLException {
    this.stream = stream;
    this.arrives = arrives;
    String name = Names.applicationName(move.migration(), "queries");
    try {
      writer = keep(databases.open(move.source(), name, ANSWER, SIMPLE));
      prepare(writer, "10s");
      endEarlier(writer, name);
      Connection holder = keep(databases.open(move.target(), name, ANSWER, SIMPLE));
      prepare(holder, HeldMarker.FROZEN);
      endEarlier(holder, name);
      held = new HeldMarker(holder, stream, arrives);
      source = keep(sessions.open(Side.SOURCE));
      target = keep(sessions.open(Side.TARGET));
      Connection decoder = keep(databases.open(move.source(), name, ANSWER, SIMPLE));
      prepare(decoder, "10s");
      // It waits for transactions that are open, and its slot keeps the log while it lives.
      Verbatim.execute(decoder, "SET lock_timeout = 0");
      if (decoder.getMetaData().getDatabaseMajorVersion() >= 14) {
        Verbatim.execute(decoder, "SET idle_session_timeout = '" + FROZEN.toSeconds() + "s'");
      }
      commits = CommitsBetween.open(decoder, stream, move.migration());
    } catch (SQLException | RuntimeException e) {
      abort();
      throw e;
    }
  }

  /** Opens the sessions. */
  static SamePosition open(Databases databases, Move move, QuerySessions sessions)
      throws SQLException {
    return open(databases, move, sessions, ARRIVES);
  }

  /** As {@link #open(Databases, Move, QuerySessions)}, with another patience for a marker. */
  static SamePosition open(Databases databases, Move move, QuerySessions sessions, Duration arrives)
      throws SQLException {
    Stream stream = Stream.leaving(Side.SOURCE, move);
    return new SamePosition(databases, move, stream, sessions, arrives);
  }

  private Connection keep(Connection opened) {
    all.add(opened);
    return opened;
  }

  /** A session whose server ends it when it is silent for so long in a transaction. */
  static void prepare(Connection session, String idle) throws SQLException {
    Verbatim.execute(
        session, PATIENCE + " SET idle_in_transaction_session_timeout = '" + idle + "'");
    if (session.getMetaData().getDatabaseMajorVersion() >= 14) {
      Verbatim.execute(
          session, "SET client_connection_check_interval = '500ms'; SET idle_session_timeout = 0");
    }
    if (session.getMetaData().getDatabaseMajorVersion() >= 17) {
      Verbatim.execute(session, "SET transaction_timeout = 0");
    }
  }

  /** The engine has given an earlier attempt up; one that is frozen would keep a slot. */
  private static void endEarlier(Connection session, String name) throws SQLException {
    Answers.text(
        session,
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = "
            + Quoting.literal(name)
            + " AND pid <> pg_backend_pid() AND datname = current_database()");
  }

  /** The session that sees the source's snapshot. */
  Connection source() {
    return source;
  }

  /** The session that sees the target's. */
  Connection target() {
    return target;
  }

  /** Whether both snapshots hold exactly the same. */
  boolean isExact() {
    return exact;
  }

  /**
   * Takes both snapshots, until {@link #leave}; the same where that can be had within some tries.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} where commits of the source
   *     wait for this stream, {@code Transient} where the marker does not arrive
   */
  void take() throws SQLException {
    for (int i = 0; i < TRIES; i++) {
      leave();
      AwaitedStream.refuse(
          writer, stream, "queries are brought to the same position", "retry, or skip the queries");
      exact = tryOnce();
      if (exact) {
        return;
      }
    }
  }

  /** Gives both snapshots back. */
  void leave() throws SQLException {
    source.rollback();
    target.rollback();
  }

  private boolean tryOnce() throws SQLException {
    UUID marker = UUID.randomUUID();
    long key = ThreadLocalRandom.current().nextLong();
    commits.begin();
    Pause.of(COMMITTING);
    String waiting = held.hold(marker, WRITER);
    try {
      FutureTask<Boolean> arrival = AtOnce.beside("arrival", () -> snapshotOfTheTarget(waiting));
      String written = write(marker, key);
      String snapshot = snapshotOfTheSource(key, written);
      if (!AtOnce.ended(arrival)) {
        throw Failures.transientFailure(
            "A marker did not arrive on the target within %d s: the stream %s is behind, or stands still"
                .formatted(arrives.toSeconds(), stream.words()));
      }
      return commits.none(snapshot, written);
    } catch (SQLException | RuntimeException e) {
      // Perhaps it still waits, for a marker that does not come any more.
      held.abort();
      throw e;
    }
  }

  /** Lets the stream wait for no longer than two answers of the target take. */
  private boolean snapshotOfTheTarget(String waiting) throws SQLException {
    if (!held.awaitStream(waiting)) {
      return false;
    }
    Answers.text(target, "SELECT pg_catalog.pg_current_snapshot()");
    held.letGo();
    return true;
  }

  /** Writes the marker, and leaves the transaction open; returns its number. */
  private String write(UUID marker, long key) throws SQLException {
    // Held before the snapshot's transaction begins: that one's first statement is its snapshot.
    Answers.text(source, "SELECT pg_catalog.pg_advisory_lock(" + key + ")");
    source.commit();
    writer.setAutoCommit(false);
    Verbatim.execute(writer, Markers.writeSql(stream.from(), marker, WRITER));
    return Answers.text(writer, "SELECT pg_current_xact_id()::xid");
  }

  /**
   * Takes the snapshot and commits the marker in the same moment, however far the server is: the
   * commit waits there for a lock that goes with the snapshot.
   */
  private String snapshotOfTheSource(long key, String written) throws SQLException {
    FutureTask<Boolean> commit =
        AtOnce.beside(
            "marker",
            () -> {
              Verbatim.execute(writer, "SELECT pg_advisory_xact_lock_shared(" + key + "); COMMIT");
              return true;
            });
    commits.awaitWaiting(written, MOMENT);
    String snapshot =
        Answers.text(
            source,
            "SELECT pg_catalog.pg_current_snapshot()::text"
                + " || pg_catalog.left(pg_catalog.pg_advisory_unlock("
                + key
                + ")::text, 0)");
    AtOnce.ended(commit);
    writer.setAutoCommit(true);
    commits.until(Answers.text(writer, "SELECT pg_current_wal_insert_lsn()"));
    return snapshot;
  }

  /** Ends all sessions without asking them. */
  void abort() {
    all.forEach(Heartbeats::abort);
  }

  @Override
  public void close() {
    abort();
  }
}
