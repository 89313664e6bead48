package dev.whimbrel.postgres;

import static dev.whimbrel.postgres.TableCatalog.USER_SCHEMAS;

import java.util.List;

/**
 * What is asked of a catalog. Each query gives an object's name, the relation it belongs to or
 * nothing, and its meaning, in words that are the same for every version.
 */
final class CatalogSubjects {
  /**
   * A kind of objects.
   *
   * @param kind in one word
   * @param read how its meanings are held against each other
   */
  record Subject(String kind, String sql, Reading read) {}

  /** What of a meaning counts. */
  enum Reading {
    LETTERS {
      @Override
      boolean same(String one, String other) {
        return one.equals(other);
      }
    },
    DEFINITION {
      @Override
      boolean same(String one, String other) {
        return Definition.same(one, other);
      }
    },
    SETTING {
      @Override
      boolean same(String one, String other) {
        return one.equals(other)
            || (Settings.isListOfNames(Settings.name(one)) && Definition.same(one, other));
      }
    };

    abstract boolean same(String one, String other);
  }

  private static final String NOT_OF_AN_EXTENSION =
      " and not exists (select from pg_depend e where e.classid = 'pg_type'::regclass"
          + " and e.objid = t.oid and e.deptype = 'e')";

  static final String RELATIONS =
      """
      select format('%I.%I', n.nspname, c.relname), '',
        case when c.relkind = 'r' and c.relpersistence = 'u' then 'unlogged ' else '' end
        || case c.relkind when 'r' then 'table'
        when 'p' then 'partitioned table' when 'v' then 'view' when 'm' then 'materialized view'
        when 'S' then 'sequence' when 'f' then 'foreign table' end
        || case when c.relkind <> 'm' or c.relispopulated then '' else ', not populated' end
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f') and c.relpersistence <> 't' and\s"""
          + USER_SCHEMAS
          + " and ";

  private static final String COLUMNS =
      """
      select format('%I.%I.%I', n.nspname, c.relname, a.attname), format('%I.%I', n.nspname, c.relname),
        concat_ws(' ', format_type(a.atttypid, a.atttypmod),
          case when a.attnotnull then 'not null' end,
          case when a.attnotnull and\s"""
          + TableCatalog.NULLS_LEFT
          + """
           then 'not valid' end,
          -- PostgreSQL 17 gave partitions the identity of their root
          case when not c.relispartition then
            case a.attidentity when 'a' then 'identity always' when 'd' then 'identity' end end,
          case a.attgenerated when 's' then 'stored' when 'v' then 'virtual' end,
          'default ' || pg_get_expr(d.adbin, d.adrelid),\s"""
          + collation("a.attcollation", "t.typcollation")
          + """
          )
      from pg_attribute a
        join pg_class c on c.oid = a.attrelid
        join pg_namespace n on n.oid = c.relnamespace
        join pg_type t on t.oid = a.atttypid
        left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
      where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'f') and\s"""
          + USER_SCHEMAS;

  private static final String TABLES =
      """
      select format('%I.%I', n.nspname, c.relname), format('%I.%I', n.nspname, c.relname),
        concat_ws(', ',
          coalesce((
            select string_agg(case when c.relispartition then 'partition of ' else 'child of ' end
              || format('%I.%I', pn.nspname, p.relname)
              || case when to_jsonb(h) ->> 'inhdetachpending' = 'true' then ' being detached' else '' end,
              ', ' order by pn.nspname, p.relname)
            from pg_inherits h join pg_class p on p.oid = h.inhparent
              join pg_namespace pn on pn.oid = p.relnamespace
            where h.inhrelid = c.oid), 'no parent')
            || coalesce(' ' || pg_get_expr(c.relpartbound, c.oid), ''),
          'partitioned by ' || pg_get_partkeydef(c.oid),
          case when c.reloftype <> 0 then 'of type ' || format_type(c.reloftype, null) end,
          case when c.relrowsecurity then 'with ' else 'without ' end
            || case when c.relforcerowsecurity then 'forced ' else '' end || 'row-level security')
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p', 'f') and c.relpersistence <> 't' and\s"""
          + USER_SCHEMAS;

  private static final String CONSTRAINTS =
      """
      select format('%I.%I.%I', n.nspname, coalesce(c.relname, t.typname), con.conname),
        case when c.oid is null then '' else format('%I.%I', n.nspname, c.relname) end, pg_get_constraintdef(con.oid)
      from pg_constraint con
        join pg_namespace n on n.oid = con.connamespace
        left join pg_class c on c.oid = con.conrelid
        left join pg_type t on t.oid = con.contypid
      where con.contype in ('c', 'f', 'p', 'u', 'x')
        -- what a foreign key means for a partition is named by the server, differently in 18
        and not (con.contype = 'f' and con.conparentid <> 0) and\s"""
          + USER_SCHEMAS;

  private static final String TRIGGERS =
      """
      select format('%I.%I.%I', n.nspname, c.relname, g.tgname), format('%I.%I', n.nspname, c.relname),
        pg_get_triggerdef(g.oid) || case g.tgenabled when 'O' then '' when 'D' then ' DISABLED'
          when 'R' then ' ON REPLICAS' else ' ALWAYS' end
      from pg_trigger g join pg_class c on c.oid = g.tgrelid
        join pg_namespace n on n.oid = c.relnamespace
      -- what a row trigger of a partitioned table is for a partition: internal before 15
      where (not g.tgisinternal or g.tgparentid <> 0 and not exists (
          select from pg_constraint k where k.oid = g.tgconstraint and k.contype = 'f'))
        and g.tgname !~ '^whimbrel_' and\s"""
          + USER_SCHEMAS;

  private static final String ENUMS =
      """
      select format('%I.%I', n.nspname, t.typname), '',
        (select string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder)
         from pg_enum e where e.enumtypid = t.oid)
      from pg_type t join pg_namespace n on n.oid = t.typnamespace
      where t.typtype = 'e' and\s"""
          + USER_SCHEMAS
          + NOT_OF_AN_EXTENSION;

  private static final String DOMAINS =
      """
      select format('%I.%I', n.nspname, t.typname), '',
        concat_ws(' ', format_type(t.typbasetype, t.typtypmod),
          case when t.typnotnull then 'not null' end,
          'default ' || pg_get_expr(t.typdefaultbin, 0),\s"""
          + collation("t.typcollation", "b.typcollation")
          + """
          )
      from pg_type t join pg_namespace n on n.oid = t.typnamespace
        join pg_type b on b.oid = t.typbasetype
      where t.typtype = 'd' and\s"""
          + USER_SCHEMAS
          + NOT_OF_AN_EXTENSION;

  private static final String COMPOSITES =
      """
      select format('%I.%I', n.nspname, t.typname), '', '(' || (
        select string_agg(concat_ws(' ', quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),\s"""
          + collation("a.attcollation", "y.typcollation")
          + """
          ), ', ' order by a.attnum)
        from pg_attribute a join pg_type y on y.oid = a.atttypid
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) || ')'
      from pg_type t join pg_namespace n on n.oid = t.typnamespace
        join pg_class c on c.oid = t.typrelid
      where c.relkind = 'c' and\s"""
          + USER_SCHEMAS
          + NOT_OF_AN_EXTENSION;

  private static final String RANGES =
      """
      select format('%I.%I', n.nspname, t.typname), '',
        concat_ws(' ', 'of', format_type(r.rngsubtype, null),\s"""
          + collation("r.rngcollation", "y.typcollation")
          + """
          , 'by ' || (select format('%I', o.opcname) from pg_opclass o where o.oid = r.rngsubopc),
          'canonical ' || nullif(r.rngcanonical::text, '-'),
          'difference ' || nullif(r.rngsubdiff::text, '-'))
      from pg_range r join pg_type t on t.oid = r.rngtypid
        join pg_namespace n on n.oid = t.typnamespace
        join pg_type y on y.oid = r.rngsubtype
      where\s"""
          + USER_SCHEMAS
          + NOT_OF_AN_EXTENSION;

  /** How settings of the database itself begin. */
  static final String OF_THE_DATABASE = "of the database: ";

  private static final String SETTINGS =
      """
      select case when s.setrole = 0 then 'of the database'
          else 'of role ' || r.rolname || case when s.setdatabase = 0 then ''
            else ' in the database' end end
          || ': ' || split_part(c, '=', 1), '', c
      from pg_db_role_setting s cross join unnest(s.setconfig) as c
        left join pg_roles r on r.oid = s.setrole
      where coalesce(r.rolname, '') !~ '^(whimbrel_|pg_)' and s.setdatabase in (0,
        (select d.oid from pg_database d where d.datname = current_database()))
        and not (%s)"""
          .formatted(Settings.YIELDS);

  /**
   * Types of the service's own, or of an extension, that are texts or are cast without a word, and
   * what they are cast to.
   */
  static final String CAST_WITHOUT_A_WORD =
      """
      select format('%I.%I', n.nspname, t.typname)
      from pg_type t join pg_namespace n on n.oid = t.typnamespace
      where t.typtype = 'b' and t.typcategory = 'S' and\s"""
          + USER_SCHEMAS
          + """
           union
          select each.name
          from pg_cast ca join pg_type t on t.oid = ca.castsource
            join pg_namespace n on n.oid = t.typnamespace
            cross join lateral (values (format('%I.%I', n.nspname, t.typname)),
              (format_type(ca.casttarget, null))) as each(name)
          where ca.castcontext = 'i' and t.typtype = 'b' and\s"""
          + USER_SCHEMAS;

  /** What this version can be told, but for two that no server lists. */
  static final String PARAMETERS =
      "select lower(name) from pg_settings union values ('role'), ('session_authorization')";

  static final String INDEXES =
      """
      select format('%I.%I', n.nspname, ic.relname), format('%I.%I', n.nspname, c.relname),
        case when i.indisvalid and i.indisready then pg_get_indexdef(i.indexrelid)
          else 'invalid' end
      from pg_index i
        join pg_class c on c.oid = i.indrelid
        join pg_class ic on ic.oid = i.indexrelid
        join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p', 'm') and\s"""
          + USER_SCHEMAS;

  static final List<Subject> ALL =
      List.of(
          new Subject("column", COLUMNS, Reading.DEFINITION),
          new Subject("table", TABLES, Reading.DEFINITION),
          new Subject("constraint", CONSTRAINTS, Reading.DEFINITION),
          new Subject("trigger", TRIGGERS, Reading.DEFINITION),
          new Subject("enum", ENUMS, Reading.LETTERS),
          new Subject("domain", DOMAINS, Reading.DEFINITION),
          new Subject("type", COMPOSITES, Reading.DEFINITION),
          new Subject("range", RANGES, Reading.DEFINITION),
          new Subject(
              "extension",
              "select extname::text, '', 'installed' from pg_extension",
              Reading.LETTERS),
          new Subject("setting", SETTINGS, Reading.SETTING));

  private CatalogSubjects() {}

  /** A collation that is not the one that its type would have. */
  private static String collation(String collation, String ofType) {
    return """
        case when %1$s <> %2$s then 'collate '
          || (select format('%%I.%%I', cn.nspname, co.collname) from pg_collation co
              join pg_namespace cn on cn.oid = co.collnamespace where co.oid = %1$s) end"""
        .formatted(collation, ofType);
  }
}
