package dev.whimbrel.postgres;

import java.sql.SQLException;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Which unlogged tables there are, and which of them are small enough for the pause. */
final class UnloggedTables {
  /** What one table may take, on the disk and as text: on the disk it may be compressed. */
  static final long SMALL = 1 << 20;

  /** What all of them may. */
  static final long TOGETHER = 4 << 20;

  private static final String TABLES =
      """
      SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind = 'r' AND c.relpersistence = 'u' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname NOT IN ('information_schema', 'whimbrel')
         AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
         AND\s""";

  private static final String RECORD = "whimbrel.unlogged_carried";

  /** Is emptied by what empties them: a crash of the target, or a standby that takes its place. */
  private static final String WITNESS = "whimbrel.unlogged_alive";

  private static final String IS_THERE = "SELECT to_regclass('" + RECORD + "') IS NOT NULL";

  private static final Duration CALL = Duration.ofSeconds(10);

  private UnloggedTables() {}

  /** Forgets, on a target that is about to open, what an attempt before has written down. */
  static void beginRecord(Session target) throws SQLException {
    if (!isRecorded(target)) {
      target.run(
          "CREATE UNLOGGED TABLE IF NOT EXISTS %s (alive boolean); CREATE TABLE IF NOT EXISTS %s (name text PRIMARY KEY)"
              .formatted(WITNESS, RECORD),
          CALL);
    }
    target.run(
        "DELETE FROM %1$s; DELETE FROM %2$s; INSERT INTO %2$s VALUES (true)"
            .formatted(RECORD, WITNESS),
        CALL);
  }

  /** Whether a crash has emptied the target's unlogged tables since the record was begun. */
  static boolean wereEmptied(Session target) throws SQLException {
    return isRecorded(target)
        && target.holds("SELECT NOT EXISTS (SELECT FROM " + WITNESS + ")", CALL);
  }

  /** Whether this engine has opened the target: nobody else begins a record. */
  static boolean isRecorded(Session target) throws SQLException {
    return target.holds(IS_THERE, CALL);
  }

  /** A statement that writes down that the rows of a table went to the target. */
  static String recording(String table) {
    return "INSERT INTO " + RECORD + " VALUES (" + Quoting.literal(table) + ");";
  }

  /**
   * The tables whose rows went to the target: only these come back. What stayed behind is on the
   * source alone, and must not give way to what little the target may have.
   */
  static Set<String> recorded(Session target) throws SQLException {
    Set<String> names = new HashSet<>();
    if (isRecorded(target)) {
      for (List<@Nullable String> row : target.rows("SELECT name FROM " + RECORD, CALL).get(0)) {
        names.add(Objects.requireNonNull(row.get(0)));
      }
    }
    return names;
  }

  /**
   * Names of unlogged tables, for which a condition on {@code pg_class c} holds. To ask for the
   * size of one waits for who has it locked.
   */
  static String tables(String condition) {
    return TABLES + condition + " ORDER BY 1";
  }

  /** Of tables with their sizes as text: those that go over, the smallest first. */
  static Set<String> small(Map<String, Long> sizes) {
    Set<String> small = new HashSet<>();
    long bytes = 0;
    for (Map.Entry<String, Long> table :
        sizes.entrySet().stream().sorted(Map.Entry.comparingByValue()).toList()) {
      if (table.getValue() <= SMALL && bytes + table.getValue() <= TOGETHER) {
        bytes += table.getValue();
        small.add(table.getKey());
      }
    }
    return small;
  }

  /** A query for the name of a table and what its rows take as text, if it is small on the disk. */
  static String size(String table, long disk) {
    return "SELECT %1$s AS t, CASE WHEN pg_table_size(%1$s::regclass) <= %2$d THEN (SELECT coalesce(sum(octet_length((whimbrel_row.*)::text)), 0) FROM ONLY %3$s AS whimbrel_row) ELSE %4$d END AS n"
        .formatted(Quoting.literal(table), disk, table, Integer.MAX_VALUE);
  }
}
