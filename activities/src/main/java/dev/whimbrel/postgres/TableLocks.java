package dev.whimbrel.postgres;

import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Locks every table against writers, in an order that does not deadlock with them. It begins with
 * busiest last, so that the table most writers wait for is locked for the shortest time. But
 * applications lock in orders of their own: where a table does not come within a moment while
 * others are held, everything is let go and that table goes first. What is waited for at length is
 * thus waited for with empty hands, and no application ever becomes the victim of a deadlock.
 */
final class TableLocks {
  private static final Duration CALL = Duration.ofSeconds(10);

  /** Far below the servers' default {@code deadlock_timeout} of a second. */
  private static final int MOMENT_MILLIS = 60;

  private TableLocks() {}

  /**
   * One statement that locks every table; to be run in a transaction and bounded by {@code
   * statement_timeout}.
   */
  static String statement(Session session) throws SQLException {
    List<String> tables = new ArrayList<>();
    for (List<@Nullable String> row :
        session
            .rows(
                "SELECT format('%I.%I', n.nspname, c.relname), coalesce(pg_stat_get_tuples_inserted(c.oid) + pg_stat_get_tuples_updated(c.oid) + pg_stat_get_tuples_deleted(c.oid), 0) AS writes, c.oid FROM "
                    + FenceSql.COVERED
                    + " ORDER BY 2, 3",
                CALL)
            .get(0)) {
      tables.add(Quoting.literal(Objects.requireNonNull(row.get(0))));
    }
    return """
        DO $$
        DECLARE names text[] := ARRAY[%s]::text[]; name text; first boolean;
        BEGIN
          LOOP
            BEGIN
              first := true;
              FOREACH name IN ARRAY names LOOP
                PERFORM set_config('lock_timeout', CASE WHEN first THEN '0' ELSE '%dms' END, true);
                EXECUTE 'LOCK TABLE ONLY ' || name || ' IN SHARE ROW EXCLUSIVE MODE';
                first := false;
              END LOOP;
              EXIT;
            EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
              names := name || array_remove(names, name); -- what was locked here is let go
            END;
          END LOOP;
          PERFORM set_config('lock_timeout', '0', true);
        END $$"""
        .formatted(String.join(", ", tables), MOMENT_MILLIS);
  }
}
