package dev.whimbrel.postgres;

import java.util.HashSet;
import java.util.Map;
import java.util.Set;

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

  private UnloggedTables() {}

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
