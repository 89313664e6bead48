package dev.whimbrel.postgres;

import java.sql.Array;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** Reads from one server's catalog what there is to compare. */
final class TableCatalog {
  /** Schemas that belong to PostgreSQL or to Whimbrel. {@code n} is {@code pg_namespace}. */
  static final String USER_SCHEMAS =
      "n.nspname not in ('information_schema', 'whimbrel') and n.nspname !~ '^pg_'";

  /**
   * Of a column {@code a} that is NOT NULL: rows of before may hold NULLs all the same, as 18 lets
   * them under a constraint that is NOT VALID.
   */
  static final String NULLS_LEFT =
      "exists (select from pg_constraint nn where nn.conrelid = a.attrelid"
          + " and nn.contype = 'n' and nn.conkey[1] = a.attnum and not nn.convalidated)";

  private static final String TABLES =
      """
      select c.oid, n.nspname, c.relname, greatest(c.reltuples, 0)::int8,
        case when not c.relispopulated then 'it is not populated'
             when c.relkind = 'f' then 'it is a foreign table: its rows live elsewhere'
             when c.relpersistence = 'u' then '%s'
             when exists (select from pg_depend d where d.classid = 'pg_class'::regclass
                and d.objid = c.oid and d.deptype = 'e') then 'it belongs to an extension'
             else '' end
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind = any(cast(? as "char"[])) and c.relpersistence <> 't' and\s"""
              .formatted(TableShape.UNLOGGED)
          + USER_SCHEMAS
          + " and ";

  // A key of a domain is compared as the type below it; to_jsonb reads a column of pg_database
  // that older servers do not have.
  private static final String COLUMNS =
      """
      select a.attrelid, a.attname, format_type(a.atttypid, a.atttypmod),
        quote_ident(tn.nspname) || '.' || quote_ident(t.typname),
        tn.nspname = 'pg_catalog' and t.typtype = 'b' and t.typcategory <> 'A' or t.typtype = 'e',
        tn.nspname = 'pg_catalog' and (
          t.typname in ('int2', 'int4', 'int8', 'oid', 'uuid', 'date', 'time', 'timestamp',
            'timestamptz', 'numeric', 'bytea', 'bool', 'float4', 'float8', 'interval', 'inet',
            'macaddr')
          or t.typname in ('text', 'varchar', 'bpchar', 'name') and (
            co.collnamespace = 'pg_catalog'::regnamespace and co.collname in ('C', 'POSIX')
            or co.collname = 'default' and (
              select d.datcollate in ('C', 'POSIX')
                and coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') = 'c'
              from pg_database d where d.datname = current_database()))),
        a.attgenerated <> ''
      from pg_attribute a
        join pg_class c on c.oid = a.attrelid
        join pg_namespace n on n.oid = c.relnamespace
        join pg_type t0 on t0.oid = a.atttypid
        join pg_type t on t.oid = case t0.typtype when 'd' then t0.typbasetype else t0.oid end
        join pg_namespace tn on tn.oid = t.typnamespace
        left join pg_collation co on co.oid = a.attcollation
      where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'm', 'f') and\s"""
          + USER_SCHEMAS
          + " order by a.attrelid, a.attnum";

  private static final String KEYS =
      """
      select i.indrelid, k.names
      from pg_index i
        join pg_class c on c.oid = i.indrelid
        join pg_namespace n on n.oid = c.relnamespace
        cross join lateral (
          select array_agg(a.attname::text order by p.place), bool_and(a.attnotnull and not\s"""
          + NULLS_LEFT
          + """
          )
          from generate_series(0, i.indnkeyatts - 1) as p(place)
            join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[p.place]
        ) as k(names, filled)
      where i.indisunique and i.indisvalid and i.indisready and i.indpred is null
        and i.indexprs is null and k.filled and c.relkind = 'r' and\s"""
          + USER_SCHEMAS
          + " order by i.indisprimary desc, i.indisreplident desc, i.indnkeyatts, i.indexrelid";

  private TableCatalog() {}

  /**
   * Reads tables that move, or with {@code "m"} materialized views, by their name.
   *
   * @param kinds letters of {@code relkind}
   */
  static Map<String, TableShape> read(Connection connection, Selection selection, String... kinds)
      throws SQLException {
    Set<Long> withoutRows =
        selection.withoutRows().stream().map(Selection.Relation::oid).collect(Collectors.toSet());
    Map<Long, Map<String, TableShape.Column>> columns = new HashMap<>();
    new Query()
        .add(COLUMNS)
        .run(
            connection,
            row ->
                columns
                    .computeIfAbsent(row.getLong(1), oid -> new LinkedHashMap<>())
                    .put(text(row, 2), column(row)));
    Map<Long, List<List<String>>> keys = new HashMap<>();
    new Query()
        .add(KEYS)
        .run(
            connection,
            row -> {
              Array names = Objects.requireNonNull(row.getArray(2));
              keys.computeIfAbsent(row.getLong(1), oid -> new ArrayList<>())
                  .add(List.of((String[]) names.getArray()));
            });
    Map<String, TableShape> shapes = new TreeMap<>();
    new Query()
        .add(TABLES, (Object) kinds)
        .add(selection.moves())
        .run(
            connection,
            row -> {
              long oid = row.getLong(1);
              TableShape shape =
                  new TableShape(
                      text(row, 2),
                      text(row, 3),
                      columns.getOrDefault(oid, Map.of()),
                      keys.getOrDefault(oid, List.of()),
                      row.getLong(4),
                      withoutRows.contains(oid) ? TableShape.ROWS_LEFT_OUT : text(row, 5));
              shapes.put(shape.label(), shape);
            });
    return shapes;
  }

  private static TableShape.Column column(ResultSet row) throws SQLException {
    return new TableShape.Column(
        text(row, 4), text(row, 3), row.getBoolean(5), row.getBoolean(6), row.getBoolean(7));
  }

  private static String text(ResultSet row, int column) throws SQLException {
    return Objects.requireNonNull(row.getString(column));
  }
}
