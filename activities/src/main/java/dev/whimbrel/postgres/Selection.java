package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.TablePattern;
import dev.whimbrel.runbook.TablesSpec;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Which relations of a side the runbook leaves out, as its catalog is now. What is left out is not
 * on the target: of the target's own relations nothing is, whatever their names. Rows can be left
 * out on both sides.
 *
 * <p>A partition goes with its root, also while it is being detached, and a sequence with the table
 * that owns it. Objects of extensions are not chosen: they come with their extension.
 */
final class Selection {
  /** Nothing is left out. */
  static final Selection EVERYTHING = new Selection(List.of(), List.of(), List.of(), null);

  private static final String RELATIONS =
      """
      WITH RECURSIVE tree(oid, root) AS (
        SELECT c.oid, c.oid FROM pg_catalog.pg_class c WHERE c.relkind = 'p' AND NOT c.relispartition
        UNION ALL SELECT i.inhrelid, t.root FROM tree t JOIN pg_catalog.pg_inherits i ON i.inhparent = t.oid)
      SELECT c.oid::bigint, c.relkind, n.nspname, c.relname,
             coalesce(t.root, (SELECT d.refobjid FROM pg_catalog.pg_depend d
                                WHERE c.relkind = 'S' AND d.classid = 'pg_catalog.pg_class'::regclass
                                  AND d.objid = c.oid AND d.refclassid = d.classid AND d.refobjsubid > 0
                                  AND d.deptype IN ('a', 'i')), c.oid)::bigint
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace LEFT JOIN tree t ON t.oid = c.oid
       WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relpersistence <> 't'
         AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'whimbrel')
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.deptype = 'e'
                            AND e.classid = 'pg_catalog.pg_class'::regclass AND e.objid = c.oid)
       ORDER BY 3, 4""";

  private final List<Relation> all;
  private final Map<Long, Relation> byOid;
  private final List<Relation> leftOut;
  private final List<Relation> withoutRows;
  private final @Nullable List<Relation> only;

  private Selection(
      List<Relation> all,
      List<Relation> leftOut,
      List<Relation> withoutRows,
      @Nullable List<Relation> only) {
    this.only = only;
    this.all = all;
    this.byOid = all.stream().collect(Collectors.toMap(Relation::oid, relation -> relation));
    this.leftOut = leftOut;
    this.withoutRows = withoutRows;
  }

  /**
   * A relation.
   *
   * @param kind as {@code relkind} has it
   * @param leads the relation that it goes with; its own for most
   */
  record Relation(long oid, char kind, String schema, String name, long leads) {
    boolean follows() {
      return leads != oid;
    }

    boolean isTable() {
      return kind == 'r' || kind == 'p';
    }

    /** As SQL takes it. */
    String qualified() {
      return Quoting.qualified(schema, name);
    }

    /** As people read it, and as a pattern that means it alone. */
    String label() {
      return Quoting.shown(schema, name);
    }

    boolean matches(TablePattern pattern) {
      return pattern.matches(schema, name);
    }

    boolean matchesAny(List<TablePattern> patterns) {
      return patterns.stream().anyMatch(this::matches);
    }
  }

  /** What is left out of the source. */
  static Selection of(Move move, Connection source) throws SQLException {
    return on(Side.SOURCE, move, source);
  }

  /** What is left out of a side. */
  static Selection on(Side side, Move move, Connection database) throws SQLException {
    TablesSpec tables = move.tables();
    if (tables == null || (side == Side.TARGET && tables.excludeData().isEmpty())) {
      return EVERYTHING;
    }
    List<Relation> all = read(database);
    Map<Long, Relation> byOid =
        all.stream().collect(Collectors.toMap(Relation::oid, relation -> relation));
    List<TablePattern> include = patterns(side == Side.SOURCE ? tables.include() : List.of());
    List<TablePattern> exclude = patterns(side == Side.SOURCE ? tables.exclude() : List.of());
    List<TablePattern> excludeData = patterns(tables.excludeData());
    List<Relation> leftOut = new ArrayList<>();
    List<Relation> withoutRows = new ArrayList<>();
    for (Relation relation : all) {
      Relation leading = leading(relation, byOid);
      boolean included = include.isEmpty() || leading.matchesAny(include);
      if (!included || leading.matchesAny(exclude)) {
        leftOut.add(relation);
      } else if (relation.isTable() && leading.matchesAny(excludeData)) {
        withoutRows.add(relation);
      }
    }
    return new Selection(all, List.copyOf(leftOut), List.copyOf(withoutRows), null);
  }

  /** As {@link #of}, knowing every relation also where nothing is left out. */
  static Selection whole(Move move, Connection source) throws SQLException {
    Selection selection = of(move, source);
    return selection.all.isEmpty()
        ? new Selection(read(source), List.of(), List.of(), null)
        : selection;
  }

  /** The same where the rows of these tables, and of their partitions, alone move. */
  Selection onlyRowsOf(Set<Long> tables) {
    Set<Relation> staying = new HashSet<>(leftOut);
    Set<Relation> empty = new HashSet<>(withoutRows);
    Map<Boolean, List<Relation>> moving =
        all.stream()
            .filter(each -> each.isTable() && !staying.contains(each))
            .collect(
                Collectors.partitioningBy(
                    each ->
                        (tables.contains(each.oid()) || tables.contains(each.leads()))
                            && !empty.contains(each)));
    return new Selection(
        all, leftOut, List.copyOf(moving.get(false)), List.copyOf(moving.get(true)));
  }

  /** Whom a relation goes with at last: a sequence with its partition's root. */
  private static Relation leading(Relation relation, Map<Long, Relation> byOid) {
    Relation leading = relation;
    while (leading.follows()) {
      Relation next = byOid.get(leading.leads());
      if (next == null) {
        return leading; // its owner belongs to an extension
      }
      leading = next;
    }
    return leading;
  }

  private static List<Relation> read(Connection database) throws SQLException {
    List<Relation> all = new ArrayList<>();
    try (Statement statement = database.createStatement();
        ResultSet rows = statement.executeQuery(RELATIONS)) {
      while (rows.next()) {
        all.add(
            new Relation(
                rows.getLong(1),
                rows.getString(2).charAt(0),
                rows.getString(3),
                rows.getString(4),
                rows.getLong(5)));
      }
    }
    return all;
  }

  static List<TablePattern> patterns(List<String> texts) {
    return texts.stream().map(TablePattern::parse).toList();
  }

  /** Every relation that could be chosen; empty where nothing is left out by the runbook. */
  List<Relation> all() {
    return all;
  }

  /** What does not move. */
  List<Relation> leftOut() {
    return leftOut;
  }

  /** What does; empty where nothing is left out by the runbook. */
  List<Relation> moving() {
    Set<Relation> out = new HashSet<>(leftOut);
    return all.stream().filter(each -> !out.contains(each)).toList();
  }

  /** What does not move, or moves without its rows. */
  List<Relation> keepingRows() {
    return Stream.concat(leftOut.stream(), withoutRows.stream()).toList();
  }

  /** Tables, partitions among them, that move without their rows. */
  List<Relation> withoutRows() {
    return withoutRows;
  }

  /** Whom a relation goes with, or itself. */
  Relation leading(Relation relation) {
    return leading(relation, byOid);
  }

  /** A condition on {@code pg_class c}: the relation moves. */
  String moves() {
    return moves("c.oid");
  }

  /** A condition on a column that holds a relation's oid. */
  String moves(String oid) {
    return notAmong(oid, leftOut);
  }

  /** A condition on {@code pg_class c}: the relation moves, or has become part of one that does. */
  String movesOrBelongs() {
    return leftOut.isEmpty()
        ? "true"
        : "(%s OR EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = c.oid AND %s))"
            .formatted(moves(), moves("h.inhparent"));
  }

  /** A column more: which tables without rows have become part of one that moves with its own. */
  String heirsWithoutRows() {
    return withoutRows.isEmpty()
        ? ""
        : ", (SELECT sum(hashtextextended(concat_ws('|', h.inhrelid, h.inhparent), 0)::numeric)"
            + " FROM pg_inherits h WHERE NOT (%s) AND %s)"
                .formatted(notAmong("h.inhrelid", withoutRows), movesRows("h.inhparent"));
  }

  /** A condition on {@code pg_class c}: the relation moves with its rows. */
  String movesRows() {
    return movesRows("c.oid");
  }

  /** A condition on a column that holds a table's oid: it moves with its rows. */
  String movesRows(String oid) {
    if (only != null) {
      return oid + " IN (SELECT unnest(" + oids(only) + "))";
    }
    return leftOut.isEmpty() && withoutRows.isEmpty()
        ? "true"
        : "(" + moves(oid) + " AND " + notAmong(oid, withoutRows) + ")";
  }

  private static String notAmong(String oid, List<Relation> relations) {
    // Hashed by every version, unlike <> ALL.
    return relations.isEmpty() ? "true" : oid + " NOT IN (SELECT unnest(" + oids(relations) + "))";
  }

  /** An array, as SQL takes it. */
  static String oids(List<Relation> relations) {
    return relations.stream()
        .map(relation -> Long.toString(relation.oid()))
        .collect(Collectors.joining(",", "'{", "}'::oid[]"));
  }

  /** A line of the runbook for these names, which are patterns. */
  static String line(String key, Set<String> names) {
    return "replicate.tables."
        + key
        + ": ["
        + names.stream()
            .map(name -> name.contains("\"") ? "'" + name.replace("'", "''") + "'" : name)
            .collect(Collectors.joining(", "))
        + "]";
  }

  /** The first few names, in one line. */
  static String names(List<Relation> relations, int shown) {
    String line =
        relations.stream().limit(shown).map(Relation::label).collect(Collectors.joining(", "));
    return relations.size() > shown
        ? line + " and %d more".formatted(relations.size() - shown)
        : line;
  }

  /** The relation of this oid, where it is one that could be chosen. */
  @Nullable Relation find(long oid) {
    return byOid.get(oid);
  }
}
