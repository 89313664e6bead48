package dev.whimbrel.postgres;

import static dev.whimbrel.postgres.TableCatalog.USER_SCHEMAS;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * Compares what the catalogs of both sides say: relations, columns with their defaults and
 * collations, indexes and constraints with their validity, triggers, enums, extensions and
 * settings.
 */
final class CatalogComparison {
  /** Definitions may be long; a finding shows their beginning. */
  private static final int SHOWN = 160;

  /**
   * A cast, as servers add and drop them when a definition is dumped and restored; one that changes
   * a value's meaning changes the column's type too.
   */
  private static final Pattern CAST =
      Pattern.compile(
          "::(\"[^\"]+\"|[a-z_][a-z0-9_]*)(\\.(\"[^\"]+\"|[a-z_][a-z0-9_]*))?"
              + "( varying| precision| with(out)? time zone)?(\\(\\d+(,\\d+)?\\))?(\\[])*");

  private static final Pattern NOISE = Pattern.compile("[\\s()]+");

  private static final String RELATIONS =
      """
      select format('%I.%I', n.nspname, c.relname), '', case c.relkind when 'r' then 'table'
        when 'p' then 'partitioned table' when 'v' then 'view' when 'm' then 'materialized view'
        when 'S' then 'sequence' when 'f' then 'foreign table' end
        || case when c.relkind <> 'm' or c.relispopulated then '' else ', not populated' end
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f') and c.relpersistence <> 't' and\s"""
          + USER_SCHEMAS
          + " and ";

  /** Each query gives an object's name, the relation it belongs to or nothing, and its meaning. */
  private static final Map<String, String> SUBJECTS =
      Map.of(
          "column",
          """
          select format('%I.%I.%I', n.nspname, c.relname, a.attname), format('%I.%I', n.nspname, c.relname),
            concat_ws(' ', format_type(a.atttypid, a.atttypmod),
              case when a.attnotnull then 'not null' end,
              -- PostgreSQL 17 gave partitions the identity of their root
              case when not c.relispartition then
                case a.attidentity when 'a' then 'identity always' when 'd' then 'identity' end end,
              case a.attgenerated when 's' then 'stored' when 'v' then 'virtual' end,
              'default ' || pg_get_expr(d.adbin, d.adrelid),
              case when a.attcollation <> t.typcollation then 'collate '
                || (select format('%I.%I', cn.nspname, co.collname) from pg_collation co
                    join pg_namespace cn on cn.oid = co.collnamespace
                    where co.oid = a.attcollation) end)
          from pg_attribute a
            join pg_class c on c.oid = a.attrelid
            join pg_namespace n on n.oid = c.relnamespace
            join pg_type t on t.oid = a.atttypid
            left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
          where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'f') and\s"""
              + USER_SCHEMAS,
          "constraint",
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
              + USER_SCHEMAS,
          "trigger",
          """
          select format('%I.%I.%I', n.nspname, c.relname, g.tgname), format('%I.%I', n.nspname, c.relname),
            pg_get_triggerdef(g.oid) || case g.tgenabled when 'O' then '' when 'D' then ' DISABLED'
              when 'R' then ' ON REPLICAS' else ' ALWAYS' end
          from pg_trigger g join pg_class c on c.oid = g.tgrelid
            join pg_namespace n on n.oid = c.relnamespace
          where not g.tgisinternal and g.tgname !~ '^whimbrel_' and\s"""
              + USER_SCHEMAS,
          "enum",
          """
          select format('%I.%I', n.nspname, t.typname), '',
            (select string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder)
             from pg_enum e where e.enumtypid = t.oid)
          from pg_type t join pg_namespace n on n.oid = t.typnamespace
          where t.typtype = 'e' and\s"""
              + USER_SCHEMAS,
          "collation",
          """
          select format('%I.%I', n.nspname, c.collname), '',
            concat_ws(' ', c.collprovider, c.collcollate, c.collctype,
              case when not c.collisdeterministic then 'not deterministic' end)
          from pg_collation c join pg_namespace n on n.oid = c.collnamespace
          where\s"""
              + USER_SCHEMAS,
          "extension",
          "select extname::text, '', 'installed' from pg_extension",
          "setting",
          """
          select case when s.setrole = 0 then 'of the database'
              else 'of role ' || r.rolname || case when s.setdatabase = 0 then ''
                else ' in the database' end end
              || ': ' || split_part(u.setting, '=', 1), '', u.setting
          from pg_db_role_setting s cross join unnest(s.setconfig) as u(setting)
            left join pg_roles r on r.oid = s.setrole
          where coalesce(r.rolname, '') !~ '^(whimbrel_|pg_)' and s.setdatabase in (0,
            (select d.oid from pg_database d where d.datname = current_database()))
          """);

  private static final String INDEXES =
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

  private final Pair pair;
  private final Tally tally;
  private final Side truth;
  private final Move move;

  CatalogComparison(Pair pair, Tally tally, Side truth, Move move) {
    this.pair = pair;
    this.tally = tally;
    this.truth = truth;
    this.move = move;
  }

  void run() throws SQLException {
    Map<String, Thing> ours = relations(pair.truth(), truth);
    Map<String, Thing> theirs = relations(pair.follower(), truth.other());
    compare("relation", ours, theirs);
    for (Map.Entry<String, String> subject : new TreeMap<>(SUBJECTS).entrySet()) {
      compare(
          subject.getKey(),
          belonging(read(pair.truth(), subject.getValue()), theirs),
          belonging(read(pair.follower(), subject.getValue()), ours));
    }
    compareIndexes(
        belonging(read(pair.truth(), INDEXES), theirs),
        belonging(read(pair.follower(), INDEXES), ours));
    compareVersions();
    tally.notCompared("definitions of views, functions and policies, grants and comments");
  }

  private Map<String, Thing> relations(Connection connection, Side side) throws SQLException {
    return Settled.ask(
        side, move, connection, moving -> read(connection, RELATIONS + moving.moves()));
  }

  /** An object as one catalog describes it. */
  private record Thing(String relation, String meaning) {}

  private void compare(String kind, Map<String, Thing> truth, Map<String, Thing> follower) {
    for (Map.Entry<String, Thing> entry : truth.entrySet()) {
      Thing other = follower.get(entry.getKey());
      String meaning = entry.getValue().meaning();
      if (other == null) {
        tally.difference(
            "%s %s: missing on the %s: %s"
                .formatted(kind, entry.getKey(), tally.follower(), shown(meaning)));
      } else if (!normal(meaning).equals(normal(other.meaning()))) {
        tally.difference(
            "%s %s: %s on the %s, %s on the %s"
                .formatted(
                    kind,
                    entry.getKey(),
                    shown(meaning),
                    tally.truth(),
                    shown(other.meaning()),
                    tally.follower()));
      }
    }
    for (Map.Entry<String, Thing> entry : follower.entrySet()) {
      if (!truth.containsKey(entry.getKey())) {
        String found =
            "%s %s: only on the %s: %s"
                .formatted(
                    kind, entry.getKey(), tally.follower(), shown(entry.getValue().meaning()));
        if (kind.equals("setting") || kind.equals("extension")) {
          // A new home brings some of its own.
          tally.notCompared(found);
        } else {
          tally.difference(found);
        }
      }
    }
  }

  private void compareIndexes(Map<String, Thing> truth, Map<String, Thing> follower) {
    Map<String, Thing> here = new TreeMap<>(truth);
    Map<String, Thing> there = new TreeMap<>(follower);
    truth.forEach(
        (name, index) -> {
          if (index.meaning().equals("invalid")) {
            here.remove(name);
            there.remove(name);
            tally.notCompared(
                "index %s: invalid on the %s. Fix: REINDEX INDEX CONCURRENTLY %s;"
                    .formatted(name, tally.truth(), name));
          }
        });
    follower.forEach(
        (name, index) -> {
          if (index.meaning().equals("invalid") && there.remove(name) != null) {
            here.remove(name);
            tally.difference(
                "index %s: invalid on the %s. Fix: REINDEX INDEX CONCURRENTLY %s;"
                    .formatted(name, tally.follower(), name));
          }
        });
    compare("index", here, there);
  }

  private void compareVersions() throws SQLException {
    String extensions = "select extname::text, '', extversion from pg_extension";
    Map<String, Thing> follower = read(pair.follower(), extensions);
    for (Map.Entry<String, Thing> entry : read(pair.truth(), extensions).entrySet()) {
      Thing other = follower.get(entry.getKey());
      if (other != null && !other.equals(entry.getValue())) {
        tally.notCompared(
            "extension %s: what changed from version %s on the %s to %s on the %s"
                .formatted(
                    entry.getKey(),
                    entry.getValue().meaning(),
                    tally.truth(),
                    other.meaning(),
                    tally.follower()));
      }
    }
    String order =
        "select 'order of text', '', d.datcollate || ', ' || d.datctype from pg_database d where d.datname = current_database()";
    Map<String, Thing> ours = read(pair.truth(), order);
    Map<String, Thing> theirs = read(pair.follower(), order);
    if (!ours.equals(theirs)) {
      tally.notCompared(
          "order of text: the database's collation is %s on the %s, %s on the %s"
              .formatted(
                  ours.values().iterator().next().meaning(),
                  tally.truth(),
                  theirs.values().iterator().next().meaning(),
                  tally.follower()));
    }
  }

  /** Without what belongs to a relation that the other side lacks: that is said once. */
  private static Map<String, Thing> belonging(
      Map<String, Thing> things, Map<String, Thing> relations) {
    Map<String, Thing> kept = new TreeMap<>(things);
    kept.values()
        .removeIf(thing -> !thing.relation().isEmpty() && !relations.containsKey(thing.relation()));
    return kept;
  }

  private static Map<String, Thing> read(Connection connection, String sql) throws SQLException {
    Map<String, Thing> things = new HashMap<>();
    new Query()
        .add(sql)
        .run(
            connection,
            row -> {
              String meaning = row.getString(3);
              things.put(
                  Quoting.plain(Objects.requireNonNull(row.getString(1))),
                  new Thing(
                      Quoting.plain(Objects.requireNonNull(row.getString(2))),
                      meaning == null ? "" : meaning));
            });
    return things;
  }

  /** The text without what a dump and a restore may change although nothing has changed. */
  static String normal(String definition) {
    return NOISE.matcher(CAST.matcher(Quoting.plain(definition)).replaceAll("")).replaceAll("");
  }

  private static String shown(String meaning) {
    return meaning.length() <= SHOWN ? meaning : meaning.substring(0, SHOWN) + "…";
  }
}
