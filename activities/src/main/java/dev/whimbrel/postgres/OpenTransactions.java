package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Objects;
import java.util.stream.Collectors;

/**
 * Transactions of others, of which it cannot be seen what they have written: large objects leave no
 * lock behind.
 */
final class OpenTransactions {
  private static final Duration CALL = Duration.ofSeconds(10);

  /** A transaction that is younger ends by itself, and has not written much. */
  static final String YOUNG = "1 second";

  /** SQLSTATE where a transaction does not end, or is prepared: only a person can end it. */
  static final String STUCK = "WB004";

  /** Those that have a number: {@code pg_stat_activity a}. */
  static final String NUMBERED =
      "a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.backend_xid IS NOT NULL"
          + " AND a.application_name NOT LIKE 'whimbrel %'"
          + " AND a.backend_type NOT LIKE 'logical replication%' AND a.backend_type NOT LIKE 'autovacuum%'";

  /** Those that have one for longer, and do not wait, perhaps for us. */
  static final String OLD =
      NUMBERED
          + " AND a.wait_event_type IS DISTINCT FROM 'Lock' AND a.xact_start < clock_timestamp() - interval '"
          + YOUNG
          + "'";

  /** A statement that ends the old ones, and does not wait. */
  static final String END_OLD =
      "SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a WHERE " + OLD;

  private OpenTransactions() {}

  /** Those that are prepared, and the old ones where these count too, by name, or an empty text. */
  static String inTheWay(Session session, boolean old) throws SQLException {
    return session
        .rows(
            """
            (SELECT format('process %%s (%%s, %%s) since %%s s. Fix: SELECT pg_terminate_backend(%%s);', a.pid, a.usename,
                           a.application_name, extract(epoch FROM clock_timestamp() - a.xact_start)::bigint, a.pid)
               FROM pg_stat_activity a WHERE %s ORDER BY a.xact_start)
            UNION ALL SELECT format('prepared transaction %%1$L (%%2$s). Fix: COMMIT PREPARED %%1$L; or ROLLBACK PREPARED %%1$L;', gid, owner)
              FROM pg_prepared_xacts WHERE database = current_database()"""
                .formatted(old ? OLD : "false"),
            CALL)
        .get(0)
        .stream()
        .map(row -> Objects.requireNonNull(row.get(0)))
        .collect(Collectors.joining("; "));
  }

  /**
   * Statements that end who has a transaction open that may have begun before the functions were
   * taken, and wait until it is over, one way or the other. Whoever begins later is refused. Of a
   * session whose activities are not tracked it is not known whether it has one: it is ended.
   *
   * <p>Who has not written anything is waited for two seconds only: it has been told to end, and a
   * server's code looks for that almost everywhere, so that hardly one could still commit; waiting
   * for code that does not look would keep both sides closed.
   *
   * @param from the side that it is told to: only a hand-over of the source can be taken back
   */
  static String ending(Duration limit, Side from) {
    String orBack = from == Side.SOURCE ? "; or take the hand-over back: whimbrel rollback" : "";
    return """
        BEGIN; DO $$ DECLARE moment timestamptz := clock_timestamp(); left_over int; who text; BEGIN
          LOOP
            PERFORM pg_stat_clear_snapshot();
            SELECT count(pg_terminate_backend(a.pid)),
                   string_agg(format('process %%s (%%s, %%s)', a.pid, a.usename, a.application_name), ', ') INTO left_over, who
              FROM pg_stat_activity a
             WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
               AND (a.xact_start <= moment OR a.state = 'disabled' AND a.backend_start <= moment OR a.xact_start IS NULL AND a.backend_xid IS NOT NULL)
               AND (a.backend_xid IS NOT NULL OR clock_timestamp() < moment + interval '2 seconds')
               AND a.application_name NOT LIKE 'whimbrel %%' AND a.backend_type NOT IN ('walsender', 'parallel worker')
               AND a.backend_type NOT LIKE 'autovacuum%%' AND a.backend_type NOT LIKE 'logical replication%%';
            EXIT WHEN left_over = 0;
            IF clock_timestamp() > moment + interval '%d milliseconds' THEN
              RAISE EXCEPTION 'transactions that may hold large objects do not end: %%. Fix: kill -9 on that server%s', who
                USING ERRCODE = '%s';
            END IF;
            PERFORM pg_sleep(0.002);
          END LOOP;
          SELECT string_agg(format('%%L', gid), ', ') INTO who FROM pg_prepared_xacts WHERE database = current_database();
          IF who IS NOT NULL THEN
            RAISE EXCEPTION 'prepared transactions may hold large objects: %%. Fix: there, COMMIT PREPARED or ROLLBACK PREPARED each%s', who
              USING ERRCODE = '%s';
          END IF;
        END $$; COMMIT;\s"""
        .formatted(limit.toMillis(), orBack, STUCK, orBack, STUCK);
  }
}
