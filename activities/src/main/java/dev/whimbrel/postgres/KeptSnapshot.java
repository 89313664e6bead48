package dev.whimbrel.postgres;

import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.FutureTask;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * A snapshot that the source keeps by itself: a session that has exported it waits inside one
 * statement, in which a server does not look at its client. Whoever needs the snapshot holds an
 * advisory lock, which dies with its session; the statement ends when nobody has held it for some
 * time, so that a forgotten snapshot does not hold up vacuum for ever.
 */
final class KeptSnapshot {
  /** How long the source keeps a snapshot that nobody needs. */
  static final Duration PATIENCE = Duration.ofHours(1);

  private static final String KEEPING = "snapshot ";
  private static final Duration ANSWER = Duration.ofSeconds(30);

  /**
   * Needs nothing that a role which may read does not have; does the same on a standby. Its own
   * lock goes with the transaction, as the snapshot does: a standby's recovery ends that alone, and
   * leaves the session.
   */
  private static final String WAIT =
      """
      DO $wait$
      DECLARE needed timestamptz := pg_catalog.clock_timestamp();
      BEGIN
        PERFORM pg_catalog.pg_advisory_xact_lock_shared(%3$s);
        LOOP
          IF EXISTS (%1$s) THEN
            needed := pg_catalog.clock_timestamp();
          ELSIF pg_catalog.clock_timestamp() - needed > interval '%2$d ms' THEN
            RETURN;
          END IF;
          PERFORM pg_catalog.pg_sleep(1);
        END LOOP;
      END $wait$""";

  /** Whether anybody holds a lock; seen by every role, and whatever a server keeps track of. */
  private static final String HELD =
      """
      SELECT FROM pg_catalog.pg_locks l
       WHERE l.locktype = 'advisory' AND l.granted AND l.mode = 'ShareLock' AND l.objsubid = 1
         AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d
                            WHERE d.datname = pg_catalog.current_database())
         AND ((l.classid::bigint << 32) | l.objid::bigint) = %s""";

  private final CopySessions sessions;
  private final int number;
  private final Duration patience;
  private final String application;
  private @Nullable FutureTask<Optional<String>> waiting;
  private volatile @Nullable Connection keeper;
  private int process;

  /**
   * A snapshot that nobody keeps yet, or another worker.
   *
   * @param patience how long the source keeps it when nobody needs it
   */
  KeptSnapshot(CopySessions sessions, CopyRequest request, Duration patience) {
    this.sessions = sessions;
    this.number = request.generation();
    this.patience = patience;
    this.application = application(request.move(), number);
  }

  /** The name of the session that keeps a snapshot. */
  private static String application(Move move, int number) {
    return Names.applicationName(move.migration(), KEEPING + number);
  }

  /** Ends what keeps the snapshots before this one. */
  static void endBefore(Connection source, Move move, int number) throws SQLException {
    String earlier =
        IntStream.range(1, number)
            .mapToObj(each -> Quoting.literal(application(move, each)))
            .collect(Collectors.joining(", "));
    if (!earlier.isEmpty()) {
      CopySessions.end(source, "application_name IN (" + earlier + ")");
    }
  }

  /** Ends what keeps any snapshot of this migration. */
  static void endAll(Connection source, Move move) throws SQLException {
    CopySessions.end(source, CopySessions.named(Names.applicationName(move.migration(), KEEPING)));
  }

  /** Ends whatever keeps it. */
  void end(Connection look) throws SQLException {
    CopySessions.end(look, "application_name = " + Quoting.literal(application));
  }

  /** Needs the snapshot for as long as the session lives. Shared: any number of workers may. */
  void need(Connection look) throws SQLException {
    try (Statement statement = look.createStatement()) {
      statement.execute("SELECT pg_catalog.pg_advisory_lock_shared(%s)".formatted(key("needs")));
    }
  }

  /** The number of an advisory lock, as the server counts it. */
  private String key(String who) {
    return "pg_catalog.hashtextextended(%s, 0)"
        .formatted(Quoting.literal("whimbrel " + who + " " + application));
  }

  /** Opens the session that is to keep it: it has to see the snapshot before it is let wait. */
  Connection open() throws SQLException {
    Connection session = sessions.keeper(application);
    keeper = session;
    // The driver may have been told that of a pooler.
    process = Integer.parseInt(Answers.text(session, "SELECT pg_catalog.pg_backend_pid()"));
    return session;
  }

  /**
   * Lets the session wait, and returns when it does.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code Transient} when it does not begin to
   */
  void letWait(Connection look, Connection session) throws SQLException {
    String sql = WAIT.formatted(HELD.formatted(key("needs")), patience.toMillis(), key("keeps"));
    // One of the same name that an earlier attempt opened may be about to end.
    String own = "%s AND l.pid = %d".formatted(HELD.formatted(key("keeps")), process);
    waiting = AtOnce.beside("snapshot", () -> ended(session, sql));
    Instant deadline = Instant.now().plus(ANSWER);
    while (!finds(look, own)) {
      Optional<String> ended = ended();
      if (ended.isPresent() || Instant.now().isAfter(deadline)) {
        throw Failures.transientFailure(
            "Cannot keep a snapshot on the source: "
                + ended.orElse("its session does not begin to wait"));
      }
      Pause.of(Duration.ofMillis(50));
    }
  }

  /** Never returns while the snapshot is kept; what ended it in words. */
  private static Optional<String> ended(Connection session, String sql) {
    try {
      session.setNetworkTimeout(Runnable::run, 0);
      Verbatim.execute(session, sql);
      return Optional.of("nobody needed it");
    } catch (SQLException e) {
      return Optional.of(SqlFailures.firstLine(e));
    }
  }

  /** What its session has said at its end; empty where it lives, or nobody here has heard it. */
  Optional<String> ended() throws SQLException {
    FutureTask<Optional<String>> begun = waiting;
    return begun == null || !begun.isDone() ? Optional.empty() : AtOnce.ended(begun);
  }

  /** Whether a session keeps it, whoever has begun that. */
  boolean isKept(Connection look) throws SQLException {
    return finds(look, HELD.formatted(key("keeps")));
  }

  private static boolean finds(Connection look, String sql) throws SQLException {
    try (Statement statement = look.createStatement();
        ResultSet row = statement.executeQuery(sql)) {
      return row.next();
    }
  }

  /**
   * Its session was ended, and others may still see the snapshot: one more keeps it from now.
   *
   * @throws Snapshots.Gone where nobody sees it any more
   */
  void goOn(Connection look, Connection target) throws SQLException, Snapshots.Gone {
    leave();
    Connection session = open();
    CopyGenerations generations = new CopyGenerations(target);
    // Recorded before it is kept: whoever comes in between must find a name that lives.
    generations.export(number, generations.enter(session, number));
    letWait(look, session);
  }

  /**
   * Ends the session that was opened here, and none of its name that a newer attempt keeps.
   *
   * @param failure why; a failure to end it is added to this one
   */
  void endOwn(Connection look, Exception failure) {
    if (process == 0) {
      return;
    }
    try {
      CopySessions.end(
          look,
          "application_name = %s AND pid = %d".formatted(Quoting.literal(application), process));
    } catch (SQLException e) {
      failure.addSuppressed(e);
    }
  }

  /** Lets go of the session without a word: its server goes on waiting. */
  void leave() {
    Connection session = keeper;
    keeper = null;
    if (session != null) {
      Heartbeats.abort(session);
    }
  }

  /** Why it is lost, in words. */
  String why(Connection look, CopyGenerations generations) throws SQLException {
    String identity = generations.identity(number);
    return identity == null
        ? "nobody holds it any more"
        : SnapshotLoss.why(look, identity, ended());
  }
}
