package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * What a side needs to have so that it can take over: the tables, columns and enum labels of the
 * side that gives the truth away, by name. What it has besides does no harm; types and constraints
 * are the verification's, and a value that does not fit stops the stream, which is seen.
 */
final class Structure {
  private static final String THINGS =
      """
      WITH t AS (SELECT c.oid, n.nspname, c.relname FROM pg_class c
                   JOIN pg_namespace n ON n.oid = c.relnamespace
                  WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_'
                    AND n.nspname NOT IN ('information_schema', 'whimbrel')
                    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass
                                       AND e.objid = c.oid AND e.deptype = 'e'))
      SELECT format('table %I.%I', nspname, relname) FROM t
      UNION ALL
      SELECT format('column %I.%I.%I', nspname, relname, attname)
        FROM t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
      UNION ALL
      SELECT format('value %L of %I.%I', l.enumlabel, n.nspname, y.typname)
        FROM pg_enum l JOIN pg_type y ON y.oid = l.enumtypid
        JOIN pg_namespace n ON n.oid = y.typnamespace
       WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'whimbrel')
         AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_type'::regclass
                            AND e.objid = y.oid AND e.deptype = 'e')
       ORDER BY 1""";

  private Structure() {}

  /**
   * What the losing side has and the gaining side lacks, such as {@code column shop.order.note}.
   */
  static List<String> missing(Connection losing, Connection gaining) throws SQLException {
    Set<String> there = new HashSet<>(PublishedTables.names(gaining, THINGS));
    List<String> missing = new ArrayList<>();
    Set<String> tables = new HashSet<>();
    for (String thing : PublishedTables.names(losing, THINGS)) {
      if (there.contains(thing)) {
        continue;
      }
      if (thing.startsWith("table ")) {
        tables.add(thing.substring("table ".length()));
      }
      missing.add(thing);
    }
    // The columns of a table that is missing go without saying.
    missing.removeIf(
        thing ->
            thing.startsWith("column ")
                && tables.stream().anyMatch(table -> thing.startsWith("column " + table + ".")));
    return List.copyOf(missing);
  }

  /** What people have to know and do about {@link #missing}; for a side that is closed. */
  static String remedy(Side gaining) {
    return "make the same change on the %s, after SET whimbrel.same_change = on, which lets it pass the fence; add new tables to the publication and refresh the subscription; or take the change back"
        .formatted(gaining.word());
  }

  /** The first few, in one line. */
  static String line(List<String> missing) {
    return missing.size() <= 3
        ? String.join(", ", missing)
        : String.join(", ", missing.subList(0, 3)) + " and " + (missing.size() - 3) + " more";
  }
}
