package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.TablePattern;
import dev.whimbrel.runbook.TablesSpec;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The schemas that stay on the source as a whole. Their types and collations are made and dropped
 * with their tables, of which none moves; a dump carries those that it meets. Where something that
 * moves has columns of such types, its schema is none of these.
 */
final class StayingSchemas {
  private static final String SCHEMAS =
      "select n.nspname from pg_namespace n where " + TableCatalog.USER_SCHEMAS;

  /** Where the types and collations of the columns are of what moves. */
  private static final String USED =
      """
      select distinct n.nspname
      from (select distinct a.atttypid, a.attcollation
          from pg_attribute a join pg_class c on c.oid = a.attrelid
          where a.attnum > 0 and not a.attisdropped
            and c.relkind in ('r', 'p', 'v', 'm', 'f') and %s) as a
        join pg_type y on y.oid = a.atttypid
        cross join lateral (
          select t.typnamespace from pg_type t where t.oid in (y.oid, y.typelem, y.typbasetype)
          union select o.collnamespace from pg_collation o where o.oid = a.attcollation) as u(used)
        join pg_namespace n on n.oid = u.used
      where\s"""
          + TableCatalog.USER_SCHEMAS;

  private StayingSchemas() {}

  /** Their names, as both sides are now. */
  static Set<String> names(Pair pair, Side truth, Move move) throws SQLException {
    TablesSpec tables = move.tables();
    if (tables == null || (tables.include().isEmpty() && tables.exclude().isEmpty())) {
      return Set.of();
    }
    Connection source = truth == Side.SOURCE ? pair.truth() : pair.follower();
    Connection target = truth == Side.SOURCE ? pair.follower() : pair.truth();
    Selection selection = Selection.of(move, source);
    Set<String> moving =
        selection.moving().stream().map(Selection.Relation::schema).collect(Collectors.toSet());
    Set<String> staying =
        selection.leftOut().stream().map(Selection.Relation::schema).collect(Collectors.toSet());
    List<String> there = PublishedTables.names(source, SCHEMAS);
    Set<String> all = new HashSet<>(there);
    all.addAll(PublishedTables.names(target, SCHEMAS));
    all.removeAll(moving);
    all.removeAll(PublishedTables.names(source, USED.formatted(selection.moves())));
    List<TablePattern> include = Selection.patterns(tables.include());
    List<TablePattern> exclude = Selection.patterns(tables.exclude());
    all.removeIf(
        schema ->
            !staying.contains(schema)
                && !isEmptied(schema, there.contains(schema), include, exclude));
    return all;
  }

  /** Whether tables of a schema that has none would stay: it is being made, or was dropped. */
  private static boolean isEmptied(
      String schema, boolean isThere, List<TablePattern> include, List<TablePattern> exclude) {
    return exclude.stream().anyMatch(pattern -> pattern.matches(schema, ""))
        // Types without tables may be those of the tables that move.
        || (!isThere
            && !include.isEmpty()
            && include.stream().noneMatch(pattern -> pattern.matchesSchema(schema)));
  }
}
