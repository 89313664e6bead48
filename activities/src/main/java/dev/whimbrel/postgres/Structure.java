package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a side needs to have so that it can take over: the tables, columns and enum labels of the
 * side that gives the truth away, by name. What it has besides does no harm.
 *
 * <p>A rollback asks more: since the rehearsal the target may only have grown. What was renamed,
 * given another type, made again under its old name, or filled by each side for itself means other
 * rows than the stream carries, and nothing stops it.
 */
final class Structure {
  private static final String TABLES =
      """
      SELECT c.oid, c.relkind, n.nspname, c.relname FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_'
         AND n.nspname NOT IN ('information_schema', 'whimbrel')
         AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass
                            AND e.objid = c.oid AND e.deptype = 'e')""";

  private static final String COLUMNS =
      """
      SELECT t.oid AS relid, pg_relation_filenode(t.oid) AS filenode, t.relkind, t.nspname, t.relname,
             a.attnum, a.attname, format_type(a.atttypid, a.atttypmod) AS type,
             a.atthasdef AND NOT a.atthasmissing AND a.attgenerated = '' OR a.attidentity <> '' AS fills
        FROM (%s) t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped"""
          .formatted(TABLES);

  private static final String THINGS =
      """
      SELECT 'table', nspname, relname, '', '' FROM (%s) t
      UNION ALL
      SELECT 'column', nspname, relname, attname, type FROM (%s) c
      UNION ALL
      SELECT 'value', n.nspname, y.typname, l.enumlabel, ''
        FROM pg_enum l JOIN pg_type y ON y.oid = l.enumtypid
        JOIN pg_namespace n ON n.oid = y.typnamespace
       WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'whimbrel')
         AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_type'::regclass
                            AND e.objid = y.oid AND e.deptype = 'e')
       ORDER BY 1, 2, 3, 4"""
          .formatted(TABLES, COLUMNS);

  private static final String KEEP =
      """
      CREATE TABLE IF NOT EXISTS whimbrel.prepared (
        relid oid, filenode oid, nspname name, relname name, attnum int2, attname name, type text);
      DELETE FROM whimbrel.prepared;
      INSERT INTO whimbrel.prepared
      SELECT relid, filenode, nspname, relname, attnum, attname, type FROM (%s) c"""
          .formatted(COLUMNS);

  /** Columns of the rehearsal that are no longer what they were, in tables that still stand. */
  private static final String CHANGED =
      """
      SELECT k.nspname, k.relname, k.attname, k.type, c.nspname, c.relname, c.attname, c.type
        FROM whimbrel.prepared k
        LEFT JOIN (%s) c ON c.relid = k.relid AND c.attnum = k.attnum
       WHERE (c.nspname, c.relname, c.attname, c.type)
             IS DISTINCT FROM (k.nspname, k.relname, k.attname, k.type)
         AND NOT EXISTS (SELECT FROM (%s) t WHERE t.nspname = k.nspname AND t.relname = k.relname
                            AND t.oid <> k.relid)
       ORDER BY 1, 2, k.attnum"""
          .formatted(COLUMNS, TABLES);

  /** Columns that a table of the rehearsal got since. */
  private static final String ADDED =
      """
      SELECT c.nspname, c.relname, c.attname, c.type,
             c.relkind = 'r' AND c.fills AND c.filenode <> k.filenode
        FROM (%s) c JOIN (SELECT DISTINCT relid, filenode FROM whimbrel.prepared) k USING (relid)
       WHERE NOT EXISTS (SELECT FROM whimbrel.prepared p
                          WHERE p.relid = c.relid AND p.attnum = c.attnum)
       ORDER BY 1, 2, c.attnum"""
          .formatted(COLUMNS);

  /** Logged tables with rows of their own that were made since the rehearsal. */
  private static final String MADE =
      """
      SELECT t.nspname, t.relname FROM (%s) t JOIN pg_class c USING (oid)
       WHERE t.relkind = 'r' AND c.relpersistence = 'p'
         AND NOT EXISTS (SELECT FROM whimbrel.prepared p WHERE p.relid = t.oid) ORDER BY 1, 2"""
          .formatted(TABLES);

  /** Tables whose rows this subscription has copied, and not only streamed. */
  private static final String COPIED =
      """
      SELECT n.nspname, c.relname FROM pg_subscription_rel r
        JOIN pg_subscription s ON s.oid = r.srsubid
        JOIN pg_class c ON c.oid = r.srrelid JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE s.subname = %s AND r.srsubstate = 'r' AND r.srsublsn IS NOT NULL
         AND s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())""";

  private Structure() {}

  private record Thing(String kind, String schema, String name, String part) {
    String label() {
      String of = Quoting.shown(schema, name);
      return switch (kind) {
        case "table" -> "table " + of;
        case "column" -> "column " + of + "." + Quoting.shown(part);
        default -> "value " + Quoting.literal(part) + " of " + of;
      };
    }
  }

  /** Remembers the columns of every table, for {@link #changedSinceRehearsal}. */
  static void keep(Connection target) throws SQLException {
    try (Statement statement = target.createStatement()) {
      statement.execute(KEEP);
    }
  }

  /**
   * What the losing side has and the gaining side lacks, such as {@code column shop.order.note}.
   */
  static List<String> missing(Connection losing, Connection gaining) throws SQLException {
    Map<Thing, String> there = things(gaining);
    List<String> missing = new ArrayList<>();
    for (Thing thing : things(losing).keySet()) {
      boolean saidByItsTable =
          thing.kind().equals("column")
              && !there.containsKey(new Thing("table", thing.schema(), thing.name(), ""));
      if (!there.containsKey(thing) && !saidByItsTable) {
        missing.add(thing.label());
      }
    }
    return missing;
  }

  /**
   * What was changed on the target since the rehearsal so that its rows mean something else than
   * those of the source.
   *
   * @param subscription the source's, of the stream back
   */
  static List<String> changedSinceRehearsal(
      Connection target, Connection source, String subscription) throws SQLException {
    Map<Thing, String> there = things(source);
    List<String> changed = new ArrayList<>();
    for (List<@Nullable String> row : rows(target, CHANGED)) {
      Thing was = column(row, 0);
      if (row.get(4) != null) {
        changed.add(
            "%s, %s at the rehearsal, which is %s %s now"
                .formatted(was.label(), row.get(3), column(row, 4).label(), row.get(7)));
      } else if (there.containsKey(was)) {
        changed.add(was.label() + ", which was dropped on the target and stands on the source");
      }
    }
    for (List<@Nullable String> row : rows(target, ADDED)) {
      Thing added = column(row, 0);
      String type = Objects.requireNonNull(row.get(3));
      String other = there.get(added);
      if ("t".equals(row.get(4))) {
        changed.add(added.label() + ", which each side has filled for itself");
      } else if (other != null && !Quoting.plain(other).equals(Quoting.plain(type))) {
        changed.add("%s %s, which is %s there".formatted(added.label(), type, other));
      }
    }
    Set<List<@Nullable String>> copied =
        new HashSet<>(rows(source, COPIED.formatted(Quoting.literal(subscription))));
    for (List<@Nullable String> row : rows(target, MADE)) {
      Thing made =
          new Thing(
              "table", Objects.requireNonNull(row.get(0)), Objects.requireNonNull(row.get(1)), "");
      if (!copied.contains(row)) {
        changed.add(made.label() + ", whose rows were not copied to the source");
      }
    }
    return changed;
  }

  /** What people have to know and do; for a side that is closed. */
  static String remedy(Side gaining) {
    return "make the same change on the %s, after SET whimbrel.same_change = on, which lets it pass the fence; a new table needs a key, joins the publication, and the subscription is refreshed; or take the change back (docs/operations.md: Deploying in the window)"
        .formatted(gaining.word());
  }

  /** The first few, in one line. */
  static String line(List<String> things) {
    return things.size() <= 3
        ? String.join(", ", things)
        : String.join(", ", things.subList(0, 3)) + " and " + (things.size() - 3) + " more";
  }

  private static Map<Thing, String> things(Connection database) throws SQLException {
    Map<Thing, String> things = new LinkedHashMap<>();
    for (List<@Nullable String> row : rows(database, THINGS)) {
      things.put(
          new Thing(
              Objects.requireNonNull(row.get(0)),
              Objects.requireNonNull(row.get(1)),
              Objects.requireNonNull(row.get(2)),
              Objects.requireNonNull(row.get(3))),
          Objects.requireNonNull(row.get(4)));
    }
    return things;
  }

  private static Thing column(List<@Nullable String> row, int from) {
    return new Thing(
        "column",
        Objects.requireNonNull(row.get(from)),
        Objects.requireNonNull(row.get(from + 1)),
        Objects.requireNonNull(row.get(from + 2)));
  }

  private static List<List<@Nullable String>> rows(Connection database, String sql)
      throws SQLException {
    List<List<@Nullable String>> rows = new ArrayList<>();
    try (Statement statement = database.createStatement();
        ResultSet set = statement.executeQuery(sql)) {
      int columns = set.getMetaData().getColumnCount();
      while (set.next()) {
        List<@Nullable String> row = new ArrayList<>();
        for (int i = 1; i <= columns; i++) {
          row.add(set.getString(i));
        }
        rows.add(row);
      }
    }
    return rows;
  }
}
