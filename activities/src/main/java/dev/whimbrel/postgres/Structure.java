package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a side needs to have so that it can take over: the tables, columns and enum labels of the
 * side that gives the truth away, by name. What it has besides does no harm.
 *
 * <p>A rollback asks more. What was renamed, given another type, made again under its old name, or
 * left out of the stream for a while means other rows than the stream carries, and nothing stops
 * it. So since the rehearsal, whose tables each side remembers, columns and labels may only have
 * been added, with the same value for the rows that were there.
 */
final class Structure {
  private static final String TABLES =
      """
      SELECT c.oid, c.relkind, c.relpersistence, n.nspname, c.relname,
             pg_relation_filenode(c.oid) AS filenode,
             (SELECT min(i.inhparent) FROM pg_inherits i WHERE i.inhrelid = c.oid) AS parent,
             (SELECT r.oid FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
               WHERE r.prrelid = c.oid AND p.pubname = %s) AS membership
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_'
         AND n.nspname NOT IN ('information_schema', 'whimbrel')
         AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass
                            AND e.objid = c.oid AND e.deptype = 'e')""";

  /** A value that rows of before a column was added have without being rewritten counts as type. */
  private static final String COLUMNS =
      """
      SELECT t.oid AS relid, t.nspname, t.relname, a.attnum, a.attname,
             format_type(a.atttypid, a.atttypmod)
               || coalesce(' with ' || a.attmissingval::text, '') AS type
        FROM (%s) t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped"""
          .formatted(TABLES);

  private static final String LABELS =
      """
      SELECT l.oid AS id, n.nspname, y.typname, l.enumlabel
        FROM pg_enum l JOIN pg_type y ON y.oid = l.enumtypid
        JOIN pg_namespace n ON n.oid = y.typnamespace
       WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'whimbrel')
         AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_type'::regclass
                            AND e.objid = y.oid AND e.deptype = 'e')""";

  private static final String THINGS =
      """
      SELECT 'table', nspname, relname, '', '' FROM (%s) t WHERE {t.oid}
      UNION ALL SELECT 'column', nspname, relname, attname, type FROM (%s) c WHERE {c.relid}
      UNION ALL SELECT 'value', nspname, typname, enumlabel, '' FROM (%s) l
      ORDER BY 1, 2, 3, 4"""
          .formatted(TABLES, COLUMNS, LABELS);

  private static final String KEEP =
      """
      DROP TABLE IF EXISTS whimbrel.prepared_table, whimbrel.prepared_column, whimbrel.prepared_label;
      CREATE TABLE whimbrel.prepared_table AS SELECT * FROM (%s) t WHERE {t.oid};
      CREATE TABLE whimbrel.prepared_column AS SELECT * FROM (%s) c WHERE {c.relid};
      CREATE TABLE whimbrel.prepared_label AS SELECT * FROM (%s) l"""
          .formatted(TABLES, COLUMNS, LABELS);

  /** Tables of the rehearsal that are not what they were. */
  private static final String CHANGED_TABLES =
      """
      SELECT k.nspname, k.relname,
             CASE WHEN t.oid IS NULL THEN NULL
                  WHEN (t.nspname, t.relname) <> (k.nspname, k.relname) THEN 'renamed'
                  WHEN t.relpersistence <> k.relpersistence THEN 'made logged or unlogged'
                  WHEN t.parent IS DISTINCT FROM k.parent THEN 'attached or detached'
                  ELSE 'taken out of the publication' END
        FROM whimbrel.prepared_table k LEFT JOIN (%s) t ON t.oid = k.oid
       WHERE (t.nspname, t.relname, t.relpersistence, t.parent, t.membership)
             IS DISTINCT FROM (k.nspname, k.relname, k.relpersistence, k.parent, k.membership)
       ORDER BY 1, 2"""
          .formatted(TABLES);

  /** Columns of tables that stand since the rehearsal, gone or not what they were. */
  private static final String CHANGED_COLUMNS =
      """
      SELECT k.nspname, k.relname, k.attname, k.type, c.attname, c.type
        FROM whimbrel.prepared_column k
        JOIN (%s) t ON t.oid = k.relid
        LEFT JOIN (%s) c ON c.relid = k.relid AND c.attnum = k.attnum
       WHERE (c.attname, split_part(c.type, ' with {', 1))
             IS DISTINCT FROM (k.attname, split_part(k.type, ' with {', 1))
       ORDER BY 1, 2, k.attnum"""
          .formatted(TABLES, COLUMNS);

  /** Columns that a table of the rehearsal got since, and whether its rows were written anew. */
  private static final String ADDED_COLUMNS =
      """
      SELECT c.nspname, c.relname, c.attname, c.type, t.filenode IS DISTINCT FROM k.filenode
        FROM (%s) c JOIN (%s) t ON t.oid = c.relid JOIN whimbrel.prepared_table k ON k.oid = c.relid
       WHERE NOT EXISTS (SELECT FROM whimbrel.prepared_column p
                          WHERE p.relid = c.relid AND p.attnum = c.attnum)
       ORDER BY 1, 2, c.attnum"""
          .formatted(COLUMNS, TABLES);

  /** Logged tables that were made since the rehearsal. */
  private static final String MADE =
      """
      SELECT t.nspname, t.relname FROM (%s) t
       WHERE t.relpersistence = 'p'
         AND NOT EXISTS (SELECT FROM whimbrel.prepared_table k WHERE k.oid = t.oid) ORDER BY 1, 2"""
          .formatted(TABLES);

  private static final String CHANGED_LABELS =
      """
      SELECT k.nspname, k.typname, k.enumlabel
        FROM whimbrel.prepared_label k LEFT JOIN (%s) l USING (id)
       WHERE l.enumlabel IS DISTINCT FROM k.enumlabel ORDER BY 1, 2, 3"""
          .formatted(LABELS);

  /** Tables whose rows the subscription has copied, and not only streamed. */
  private static final String COPIED =
      """
      SELECT n.nspname, c.relname FROM pg_subscription_rel r
        JOIN pg_subscription s ON s.oid = r.srsubid
        JOIN pg_class c ON c.oid = r.srrelid JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE s.subname = %s AND r.srsublsn IS NOT NULL
         AND s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())""";

  private static final String NARROWED =
      """
      SELECT pubname FROM pg_publication
       WHERE pubname = %s AND NOT (pubinsert AND pubupdate AND pubdelete AND pubtruncate)""";

  private Structure() {}

  private record Thing(String kind, String schema, String name, String part) {
    static Thing of(String kind, List<@Nullable String> row) {
      return new Thing(
          kind,
          Objects.requireNonNull(row.get(0)),
          Objects.requireNonNull(row.get(1)),
          kind.equals("table") ? "" : Objects.requireNonNull(row.get(2)));
    }

    String label() {
      String of = Quoting.shown(schema, name);
      return switch (kind) {
        case "table" -> "table " + of;
        case "column" -> "column " + of + "." + Quoting.shown(part);
        default -> "value " + Quoting.literal(part) + " of " + of;
      };
    }
  }

  /**
   * Remembers every table that moves, column and label, for {@link #changedSinceRehearsal}.
   *
   * @param publication of the stream back
   */
  static void keep(Connection database, String publication, Selection selection)
      throws SQLException {
    try (Statement statement = database.createStatement()) {
      statement.execute(about(publication, of(selection, KEEP)));
    }
  }

  /**
   * What moves from the losing side and the gaining side lacks, such as {@code column
   * shop.order.note}.
   */
  static List<String> missing(Connection losing, Connection gaining, Selection selection)
      throws SQLException {
    Map<Thing, String> there = things(gaining, Selection.EVERYTHING);
    List<String> missing = new ArrayList<>();
    for (Thing thing : things(losing, selection).keySet()) {
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
   * What was changed on either side since the rehearsal so that the rows of the target may mean
   * something else than those of the source.
   *
   * @param publication of the stream back, on the target
   * @param subscription of the stream back, on the source
   */
  static List<String> changedSinceRehearsal(
      Connection target, Connection source, String publication, String subscription)
      throws SQLException {
    Map<Thing, String> here = things(target, Selection.EVERYTHING);
    Map<Thing, String> there = things(source, Selection.EVERYTHING);
    List<String> changed = new ArrayList<>();
    for (List<@Nullable String> row :
        rows(target, NARROWED.formatted(Quoting.literal(publication)))) {
      changed.add("publication " + row.get(0) + ", which leaves out some kinds of writes");
    }
    changed(target, publication, there, "", changed);
    changed(source, publication, here, " on the source", changed);
    for (List<@Nullable String> row : rows(target, about(publication, ADDED_COLUMNS))) {
      Thing added = Thing.of("column", row);
      String other = there.get(added);
      if (other != null && !Quoting.plain(other).equals(Quoting.plain(type(row, 3)))) {
        changed.add("%s %s, which is %s there".formatted(added.label(), row.get(3), other));
      } else if ("t".equals(row.get(4))) {
        changed.add(added.label() + ", since which the table was written anew");
      }
    }
    List<List<@Nullable String>> made = rows(target, about(publication, MADE));
    for (List<@Nullable String> row : made) {
      changed.add(Thing.of("table", row).label() + ", which was made since");
    }
    Set<List<@Nullable String>> again = new LinkedHashSet<>(rows(source, about(publication, MADE)));
    again.addAll(rows(source, COPIED.formatted(Quoting.literal(subscription))));
    again.removeAll(made);
    for (List<@Nullable String> row : again) {
      Thing table = Thing.of("table", row);
      if (here.containsKey(table)) {
        changed.add(table.label() + ", which was made or copied again on the source");
      }
    }
    return changed;
  }

  private static void changed(
      Connection side,
      String publication,
      Map<Thing, String> others,
      String where,
      List<String> changed)
      throws SQLException {
    for (List<@Nullable String> row : rows(side, about(publication, CHANGED_TABLES))) {
      Thing table = Thing.of("table", row);
      if (row.get(2) != null) {
        changed.add("%s, which was %s%s".formatted(table.label(), row.get(2), where));
      } else if (others.containsKey(table)) {
        changed.add(table.label() + ", which was dropped or made again" + where);
      }
    }
    for (List<@Nullable String> row : rows(side, about(publication, CHANGED_COLUMNS))) {
      Thing column = Thing.of("column", row);
      if (row.get(4) != null) {
        changed.add(
            "%s %s, which is %s %s now%s"
                .formatted(column.label(), row.get(3), row.get(4), row.get(5), where));
      } else if (others.containsKey(column)) {
        changed.add(column.label() + ", which was dropped" + where);
      }
    }
    for (List<@Nullable String> row : rows(side, CHANGED_LABELS)) {
      changed.add(Thing.of("value", row).label() + ", which was renamed" + where);
    }
  }

  /** What people have to know and do about {@link #missing}; for a side that is closed. */
  static String remedy(Side gaining) {
    return "make the same change on the %s, after SET whimbrel.same_change = on, which lets it pass the fence%s; or take the change back"
        .formatted(
            gaining.word(),
            gaining == Side.TARGET
                ? "; a new table needs a key, joins the publication, and the subscription is refreshed"
                : " (columns and labels; a new table has to go again, its rows copied by hand)");
  }

  /** The first few, in one line. */
  static String line(List<String> things) {
    return things.size() <= 3
        ? String.join(", ", things)
        : String.join(", ", things.subList(0, 3)) + " and " + (things.size() - 3) + " more";
  }

  private static Map<Thing, String> things(Connection database, Selection selection)
      throws SQLException {
    Map<Thing, String> things = new LinkedHashMap<>();
    for (List<@Nullable String> row : rows(database, about("", of(selection, THINGS)))) {
      things.put(Thing.of(type(row, 0), row.subList(1, row.size())), type(row, 4));
    }
    return things;
  }

  private static String of(Selection selection, String sql) {
    return sql.replace("{t.oid}", selection.moves("t.oid"))
        .replace("{c.relid}", selection.moves("c.relid"));
  }

  private static String about(String publication, String sql) {
    return sql.replace("%s", Quoting.literal(publication));
  }

  private static String type(List<@Nullable String> row, int column) {
    return Objects.requireNonNull(row.get(column));
  }

  private static List<List<@Nullable String>> rows(Connection database, String sql)
      throws SQLException {
    try (Statement statement = database.createStatement();
        ResultSet rows = statement.executeQuery(sql)) {
      return Session.texts(rows);
    }
  }
}
