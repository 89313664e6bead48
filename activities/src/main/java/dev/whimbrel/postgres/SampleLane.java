package dev.whimbrel.postgres;

import dev.whimbrel.postgres.SampledTable.Part;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;

/**
 * One of those who copy a sample at once: the sessions and the pipe of a copy, into a table of the
 * session's own. Nothing of it is committed, and a table of a session's own is gone with its
 * session, with its server's crash too.
 */
final class SampleLane implements AutoCloseable {
  /** A session's own table comes first wherever a name stands alone; so it never does. */
  private static final String TABLE = "pg_temp.whimbrel_sample";

  /** One who would change the table waits for its reader, and everybody behind him. */
  static final Duration READING = Duration.ofSeconds(5);

  /** Rows may be uneven: more than this is given up. */
  private static final long MOST = 128L << 20;

  private static final int MESSAGE = 64 << 10;

  private final CopyPair pair;
  private final SampledTable table;
  private final Deadline deadline;
  private final RowPipe pipe;

  private SampleLane(CopyPair pair, SampledTable table, Throttle throttle, Deadline deadline) {
    this.pair = pair;
    this.table = table;
    this.deadline = deadline;
    this.pipe = new RowPipe(throttle, MOST);
  }

  /** Opens both sessions and creates the table. */
  static SampleLane open(
      CopySessions sessions, SampledTable table, Throttle throttle, Deadline deadline)
      throws SQLException {
    RowSession to = sessions.rowsToTarget();
    try {
      CopyPair pair = new CopyPair(sessions.rowsFromSource(), to, false);
      SampleLane lane = new SampleLane(pair, table, throttle, deadline);
      try {
        lane.create();
        return lane;
      } catch (SQLException | RuntimeException e) {
        pair.close();
        throw e;
      }
    } catch (SQLException | RuntimeException e) {
      to.close();
      throw e;
    }
  }

  private void create() throws SQLException {
    for (Connection session : new Connection[] {pair.source(), pair.target()}) {
      // Nobody waits for a client that has gone silent, or for a lock, longer than a sample takes.
      Verbatim.execute(
          session,
          "SET lock_timeout = '3s'; SET idle_in_transaction_session_timeout = '10s';"
              + " SET statement_timeout = "
              + Math.max(1, deadline.left().toMillis()));
      SilentClients.end(session, "10s");
      session.setAutoCommit(false);
    }
    Verbatim.execute(
        pair.target(),
        "CREATE TEMPORARY TABLE whimbrel_sample (%s) ON COMMIT DROP"
            .formatted(
                String.join(
                    ", ",
                    table.columns().entrySet().stream()
                        .map(column -> column.getKey() + " " + column.getValue())
                        .toList())));
  }

  /** Copies a part of the table, and lets go of the table then. Returns its rows. */
  long copy(Part part) throws SQLException {
    limit(pair.target(), deadline.left());
    Verbatim.execute(pair.source(), "SET TRANSACTION READ ONLY");
    Duration left = deadline.left();
    limit(pair.source(), left.compareTo(READING) < 0 ? left : READING);
    long rows =
        pipe.run(
            pair.from(),
            table.out(part),
            pair.to(),
            "COPY %s (%s) FROM STDIN WITH (FORMAT %s)"
                .formatted(TABLE, String.join(", ", table.columns().keySet()), table.format()));
    pair.source().rollback();
    return rows;
  }

  /** When the last copy began to move rows, without what it takes to ask for them. */
  long began() {
    return pipe.began();
  }

  /** When the target had taken them. */
  long ended() {
    return pipe.ended();
  }

  /** How long the target takes to answer nothing at all. */
  Duration roundTrip() throws SQLException {
    long best = Long.MAX_VALUE;
    for (int i = 0; i < 3; i++) {
      long began = System.nanoTime();
      number("SELECT 1");
      best = Math.min(best, System.nanoTime() - began);
    }
    return Duration.ofNanos(best);
  }

  /** Bytes that have moved so far. */
  long travelled() {
    return pipe.bytes();
  }

  /** Bytes of the table on the target so far. */
  long stored() throws SQLException {
    return number("SELECT pg_catalog.pg_table_size('" + TABLE + "')");
  }

  /**
   * Writes so many bytes to the target's log, which it keeps for no table of a session's own: as
   * messages of the transaction, which nobody gets to see.
   */
  void log(long bytes) throws SQLException {
    limit(pair.target(), deadline.left());
    number(
        "SELECT count(pg_catalog.pg_logical_emit_message(true, 'whimbrel', pg_catalog.repeat('x', %d))) FROM pg_catalog.generate_series(1, %d)"
            .formatted(MESSAGE, Math.max(1, bytes / MESSAGE)));
  }

  /** Builds an index like the table's. */
  void index() throws SQLException {
    limit(pair.target(), deadline.left());
    Verbatim.execute(
        pair.target(),
        "CREATE INDEX whimbrel_sample_index ON %s (%s)"
            .formatted(TABLE, String.join(", ", table.index())));
  }

  /** Size of that index. */
  long indexBytes() throws SQLException {
    return number("SELECT pg_catalog.pg_relation_size('pg_temp.whimbrel_sample_index')");
  }

  /** Looks every row up by its key, as the validation of a foreign key does. */
  void lookUp() throws SQLException {
    limit(pair.target(), deadline.left());
    Verbatim.execute(
        pair.target(),
        "SELECT pg_catalog.set_config('work_mem',"
            + " pg_catalog.current_setting('maintenance_work_mem'), true)");
    number(
        "SELECT count(*) FROM ONLY %1$s a LEFT JOIN ONLY %1$s b ON a.%2$s = b.%2$s WHERE b.%2$s IS NULL AND a.%2$s IS NOT NULL"
            .formatted(TABLE, table.index().get(0)));
  }

  private long number(String sql) throws SQLException {
    try (Statement statement = pair.target().createStatement();
        ResultSet row = statement.executeQuery(sql)) {
      row.next();
      return row.getLong(1);
    }
  }

  /** Its transaction's statements from now on. */
  private static void limit(Connection session, Duration time) throws SQLException {
    Verbatim.execute(session, "SET LOCAL statement_timeout = " + Math.max(1, time.toMillis()));
  }

  /** Ends both sessions without asking them. */
  void abort() {
    pair.abort();
  }

  /** Ends both; the servers roll back. */
  @Override
  public void close() {
    pair.close();
  }
}
