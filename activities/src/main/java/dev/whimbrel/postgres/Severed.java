package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a runbook would cut off from what it needs: something that moves and depends on something
 * that does not. The catalog's own record of dependencies is the judge, as it is for {@code DROP};
 * what a function's text names stands in none.
 *
 * @param what such as {@code view shop.open_orders}
 * @param needs what it depends on and does not move
 * @param fix how the runbook, or the source, is mended
 */
record Severed(String what, String needs, String fix) {
  /**
   * What goes with the relations that stay, as far as {@code DROP} would take it along, but no
   * other relation; then what depends on any of that.
   */
  private static final String DEPENDENTS =
      """
      WITH RECURSIVE staying(oid) AS (SELECT unnest(%1$s)),
      gone(classid, objid, oid) AS (
        SELECT 'pg_class'::regclass::oid, oid, oid FROM staying
        UNION
        SELECT d.classid, d.objid, g.oid FROM gone g JOIN pg_depend d
            ON d.refclassid = g.classid AND d.refobjid = g.objid
         WHERE d.deptype IN ('a', 'i', 'P', 'S')
           AND NOT (d.classid = 'pg_class'::regclass AND EXISTS (
                 SELECT FROM pg_class k WHERE k.oid = d.objid AND k.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')))),
      cut(classid, objid, objsubid, needs) AS (
        SELECT d.classid, d.objid, max(d.objsubid), min(g.oid::bigint)::oid FROM gone g JOIN pg_depend d
            ON d.refclassid = g.classid AND d.refobjid = g.objid
         WHERE NOT EXISTS (SELECT FROM gone x WHERE x.classid = d.classid AND x.objid = d.objid)
           AND NOT (d.classid = 'pg_constraint'::regclass AND EXISTS (
                 SELECT FROM pg_constraint p WHERE p.oid = d.objid AND p.conparentid <> 0))
         GROUP BY 1, 2
        UNION ALL
        SELECT 'pg_trigger'::regclass::oid, t.oid, 0, t.tgconstrrelid FROM pg_trigger t
         WHERE NOT t.tgisinternal AND t.tgconstrrelid IN (SELECT oid FROM staying)
           AND t.tgrelid NOT IN (SELECT oid FROM staying))
      SELECT x.*, pg_describe_object(x.classid, x.objid, x.objsubid) AS what,
             CASE x.classid
               WHEN 'pg_class'::regclass THEN x.objid
               WHEN 'pg_rewrite'::regclass THEN (SELECT ev_class FROM pg_rewrite WHERE oid = x.objid)
               WHEN 'pg_constraint'::regclass THEN (SELECT conrelid FROM pg_constraint WHERE oid = x.objid)
               WHEN 'pg_attrdef'::regclass THEN (SELECT adrelid FROM pg_attrdef WHERE oid = x.objid)
               WHEN 'pg_policy'::regclass THEN (SELECT polrelid FROM pg_policy WHERE oid = x.objid)
               WHEN 'pg_trigger'::regclass THEN (SELECT tgrelid FROM pg_trigger WHERE oid = x.objid)
             END::bigint AS owner
        FROM cut x
       -- What a session has made for itself goes with it.
       WHERE (pg_identify_object(x.classid, x.objid, 0)).identity !~ '(^| )"?pg_temp(_[0-9]+)?"?\\.' ORDER BY what""";

  /** Tables that inherit, and are not partitions: their parent is read and published with them. */
  private static final String HEIRS =
      """
      SELECT i.inhrelid::bigint, i.inhparent::bigint FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
       WHERE NOT c.relispartition AND c.relkind IN ('r', 'f') AND i.inhrelid IN (SELECT unnest(%s))
         AND i.inhparent NOT IN (SELECT unnest(%s)) ORDER BY 1""";

  /** Foreign keys from tables that move with their rows to those that move without. */
  private static final String KEYS =
      """
      SELECT conname, conrelid::bigint, confrelid::bigint FROM pg_constraint
       WHERE contype = 'f' AND conparentid = 0 AND confrelid IN (SELECT unnest(%2$s))
         AND conrelid NOT IN (SELECT unnest(%2$s)) AND conrelid NOT IN (SELECT unnest(%1$s)) ORDER BY 1""";

  /**
   * Refuses what cannot stand on the target without what stays.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} naming the first of it
   */
  static void refuse(Move move, Connection source) throws SQLException {
    List<Severed> found = Settled.ask(Side.SOURCE, move, source, moving -> all(moving, source));
    if (!found.isEmpty()) {
      Severed first = found.get(0);
      throw Failures.needsHelp(
          "The runbook leaves out what is needed: %s%s"
              .formatted(
                  first.line(),
                  found.size() == 1 ? "" : " And %d more.".formatted(found.size() - 1)),
          "since it was planned, the source has come to depend on what stays behind: take that back"
              + " on the source, then go on; or begin again with another runbook",
          null);
    }
  }

  /** Everything that is cut off, in order. */
  static List<Severed> all(Selection selection, Connection source) throws SQLException {
    List<Severed> found = new ArrayList<>();
    if (!selection.leftOut().isEmpty()) {
      String staying = Selection.oids(selection.leftOut());
      for (List<@Nullable String> row : rows(source, DEPENDENTS.formatted(staying))) {
        found.add(dependent(selection, row));
      }
      heirs(selection, selection.leftOut(), source, "exclude", found);
    }
    if (!selection.withoutRows().isEmpty()) {
      heirs(selection, selection.withoutRows(), source, "excludeData", found);
      String sql =
          KEYS.formatted(
              Selection.oids(selection.leftOut()), Selection.oids(selection.withoutRows()));
      for (List<@Nullable String> row : rows(source, sql)) {
        found.add(key(selection, row));
      }
    }
    return List.copyOf(found);
  }

  /** {@code view v needs table t, which does not move. Fix: …} without the fix. */
  String line() {
    return "%s needs %s.".formatted(what, needs);
  }

  private static Severed dependent(Selection selection, List<@Nullable String> row) {
    String described = text(row, 4);
    Selection.Relation owner =
        row.get(5) == null ? null : selection.find(Long.parseLong(text(row, 5)));
    Selection.Relation needs = selection.find(Long.parseLong(text(row, 3)));
    String needed = needs == null ? "what stays" : needs.label();
    String include = needs == null ? needed : selection.leading(needs).label();
    if (owner == null) {
      return new Severed(
          described,
          needed + ", which does not move",
          "let %s move too, or drop what needs it on the source".formatted(include));
    }
    String name = selection.leading(owner).label();
    boolean view = owner.kind() == 'v' || owner.kind() == 'm';
    return new Severed(
        view && described.startsWith("rule ")
            ? (owner.kind() == 'v' ? "view " : "materialized view ") + owner.label()
            : described + (described.contains(owner.name()) ? "" : " of " + owner.label()),
        needed + ", which does not move",
        "leave it out too: %s; or let %s move"
            .formatted(Selection.line("exclude", Set.of(name)), include));
  }

  private static void heirs(
      Selection selection,
      List<Selection.Relation> staying,
      Connection source,
      String key,
      List<Severed> found)
      throws SQLException {
    // What is left out altogether is judged as such.
    String apart = Selection.oids(key.equals("exclude") ? staying : selection.keepingRows());
    for (List<@Nullable String> row :
        rows(source, HEIRS.formatted(Selection.oids(staying), apart))) {
      Selection.Relation heir = selection.find(Long.parseLong(text(row, 0)));
      Selection.Relation parent = selection.find(Long.parseLong(text(row, 1)));
      if (heir == null || parent == null) {
        continue;
      }
      found.add(
          new Severed(
              "table " + parent.label(),
              "%s, which inherits from it: its rows are rows of %s too"
                  .formatted(heir.label(), parent.label()),
              "leave the parent out too: %s; or let %s move"
                  .formatted(Selection.line(key, Set.of(parent.label())), heir.label())));
    }
  }

  private static Severed key(Selection selection, List<@Nullable String> row) {
    Selection.Relation from = selection.find(Long.parseLong(text(row, 1)));
    Selection.Relation to = selection.find(Long.parseLong(text(row, 2)));
    String name = from == null ? "a table" : selection.leading(from).label();
    return new Severed(
        "foreign key %s of %s".formatted(Quoting.shown(text(row, 0)), name),
        "the rows of %s, which do not move".formatted(to == null ? "a table" : to.label()),
        "leave the rows of both out: %s; or let the rows move"
            .formatted(Selection.line("excludeData", Set.of(name))));
  }

  private static String text(List<@Nullable String> row, int column) {
    return Objects.requireNonNull(row.get(column));
  }

  private static List<List<@Nullable String>> rows(Connection source, String sql)
      throws SQLException {
    try (Statement statement = source.createStatement();
        ResultSet rows = statement.executeQuery(sql)) {
      return Session.texts(rows);
    }
  }
}
