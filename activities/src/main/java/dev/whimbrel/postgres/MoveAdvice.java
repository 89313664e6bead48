package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.TablesSpec;
import java.sql.SQLException;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What need not move, and what will take most of the time. Advice only: it rests on what the source
 * has counted, says since when, and nothing depends on it.
 */
final class MoveAdvice {
  private static final int SHOWN = 5;

  /** Less than this is not worth a line. */
  private static final long WORTH_A_LINE = 1 << 20;

  private static final String OURS =
      " n.nspname NOT IN ('pg_catalog', 'information_schema', 'whimbrel')"
          + " AND n.nspname !~ '^pg_(toast|temp)'";

  /** No constraint, identity or parent stands on it, so that dropping it changes no result. */
  private static final String DROPPABLE =
      " i.indisvalid AND NOT i.indisunique AND NOT i.indisprimary AND NOT i.indisexclusion"
          + " AND NOT i.indisreplident AND NOT i.indisclustered"
          + " AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)"
          + " AND NOT EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = i.indexrelid)"
          + " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass"
          + " AND d.objid = i.indexrelid AND d.deptype = 'e')";

  private static final String NAME = "format('%I.%I', n.nspname, c.relname)";

  /** One on an expression also serves the planner's estimates. */
  private static final String UNUSED =
      "SELECT "
          + NAME
          + ", pg_relation_size(c.oid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
          + " JOIN pg_namespace n ON n.oid = c.relnamespace"
          + " JOIN pg_stat_user_indexes s ON s.indexrelid = i.indexrelid"
          + " WHERE c.relkind = 'i' AND {i.indrelid} AND s.idx_scan = 0 AND i.indexprs IS NULL AND"
          + DROPPABLE
          + " AND"
          + OURS
          + " ORDER BY 2 DESC, 1";

  /** Of two that are alike, the one that can go; of two that both can, the younger one. */
  private static final String DUPLICATE =
      "SELECT "
          + NAME
          + ", pg_relation_size(c.oid), (SELECT min(o.indexrelid::regclass::text) FROM pg_index o"
          + " JOIN pg_class oc ON oc.oid = o.indexrelid WHERE o.indrelid = i.indrelid"
          + " AND o.indexrelid <> i.indexrelid AND o.indisvalid AND oc.relam = c.relam"
          + " AND o.indkey::text = i.indkey::text AND o.indclass::text = i.indclass::text"
          + " AND o.indcollation::text = i.indcollation::text"
          + " AND o.indoption::text = i.indoption::text AND o.indnkeyatts = i.indnkeyatts"
          + " AND pg_get_expr(o.indexprs, o.indrelid) IS NOT DISTINCT FROM"
          + " pg_get_expr(i.indexprs, i.indrelid)"
          + " AND pg_get_expr(o.indpred, o.indrelid) IS NOT DISTINCT FROM"
          + " pg_get_expr(i.indpred, i.indrelid)"
          + " AND (o.indexrelid < i.indexrelid OR o.indisunique OR o.indisprimary"
          + " OR o.indisreplident)) AS kept"
          + " FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
          + " JOIN pg_namespace n ON n.oid = c.relnamespace"
          + " WHERE c.relkind = 'i' AND {i.indrelid} AND"
          + DROPPABLE
          + " AND"
          + OURS;

  private static final String UNTOUCHED =
      "SELECT "
          + NAME
          + ", pg_total_relation_size(c.oid), '', NOT c.relispartition FROM pg_stat_user_tables s"
          + " JOIN pg_class c ON c.oid = s.relid JOIN pg_namespace n ON n.oid = c.relnamespace"
          + " WHERE c.relkind = 'r' AND {c.oid} AND s.seq_scan = 0 AND coalesce(s.idx_scan, 0) = 0"
          + " AND s.n_tup_ins + s.n_tup_upd + s.n_tup_del = 0 AND"
          + OURS
          + " ORDER BY 2 DESC, 1";

  private static final String LARGEST =
      "SELECT "
          + NAME
          + ", pg_total_relation_size(c.oid) FROM pg_class c"
          + " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'm') AND {c.oid} AND"
          + OURS
          + " ORDER BY 2 DESC, 1";

  private final Look look;
  private final Findings findings;
  private final Selection selection;

  MoveAdvice(Look look, Findings findings, Selection selection) {
    this.look = look;
    this.findings = findings;
    this.selection = selection;
  }

  /** Gives none where the source does not answer in time, as behind a table that is locked. */
  void run() throws SQLException {
    Findings advice = new Findings();
    try {
      look.run(Side.SOURCE, "SET lock_timeout = '3s'");
      new MoveAdvice(look, advice, selection).give();
      findings.add(advice);
    } catch (SQLException e) {
      boolean locked = SqlFailures.is(e, SqlFailures.LOCK_NOT_AVAILABLE);
      if (!locked && !SqlFailures.is(e, SqlFailures.QUERY_CANCELED)) {
        throw e;
      }
      findings.note(
          "advice",
          "source",
          locked
              ? "none is given now: a table is locked by somebody"
              : "none is given now: the source has ended the question by its statement_timeout");
    } finally {
      look.run(Side.SOURCE, "RESET lock_timeout");
    }
  }

  private void give() throws SQLException {
    String since = since();
    unused(since);
    duplicates();
    untouched(since);
    largest();
  }

  /**
   * One thing and its size.
   *
   * @param apart whether the runbook can leave it out by its own name
   */
  private record Sized(String name, long bytes, String like, boolean apart) {
    String line() {
      return Look.shortName(name)
          + " ("
          + Size.words(bytes)
          + (like.isEmpty() ? "" : ", as " + like)
          + ")";
    }
  }

  private void unused(String since) throws SQLException {
    List<Sized> unused = sized(UNUSED);
    if (!unused.isEmpty()) {
      findings.advice(
          "unused-indexes",
          "source",
          "%s, %s, not used %s: %s. A standby counts its own use: ask it too."
              .formatted(count(unused, "index", "indexes"), total(unused), since, lines(unused)),
          drop(unused));
    }
  }

  private void duplicates() throws SQLException {
    List<Sized> duplicates =
        sized("SELECT * FROM (" + DUPLICATE + ") d WHERE kept IS NOT NULL ORDER BY 2 DESC, 1");
    if (!duplicates.isEmpty()) {
      findings.advice(
          "duplicate-indexes",
          "source",
          "%s, %s, say the same as another one: %s."
              .formatted(
                  count(duplicates, "index", "indexes"), total(duplicates), lines(duplicates)),
          drop(duplicates));
    }
  }

  private void untouched(String since) throws SQLException {
    List<Sized> untouched = sized(UNTOUCHED);
    if (!untouched.isEmpty()) {
      findings.advice(
          "untouched-tables",
          "source",
          "%s, %s, neither read nor written %s: %s. What nobody needs need not move."
              .formatted(
                  count(untouched, "table", "tables"), total(untouched), since, lines(untouched)),
          leavingOut(untouched));
    }
  }

  private void largest() throws SQLException {
    List<Sized> tables = sized(LARGEST);
    long all = tables.stream().mapToLong(Sized::bytes).sum();
    if (!tables.isEmpty()) {
      findings.advice(
          "largest-tables",
          "source",
          "of %s with indexes, which the copy's time goes by: %s."
              .formatted(
                  Size.words(all),
                  tables.stream()
                      .limit(SHOWN)
                      .map(t -> "%s %d %%".formatted(t.line(), Math.round(100.0 * t.bytes() / all)))
                      .collect(Collectors.joining(", "))),
          null);
    }
  }

  /** Since when uses were counted; a crash of the server forgets them, a restart does not. */
  private String since() throws SQLException {
    Look.Row row =
        look.row(
            Side.SOURCE,
            "SELECT to_char(stats_reset AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'),"
                + " to_char(pg_postmaster_start_time() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')"
                + " FROM pg_stat_database WHERE datname = current_database()");
    return row.text(1).isEmpty()
        ? "since counting began (the server was started at %s UTC)".formatted(row.text(2))
        : "since the statistics were reset at %s UTC".formatted(row.text(1));
  }

  private List<Sized> sized(String sql) throws SQLException {
    return look.rows(Side.SOURCE, moving(sql)).stream()
        .map(
            row ->
                new Sized(
                    row.text(1),
                    row.number(2),
                    row.values().size() > 2 ? Look.shortName(row.text(3)) : "",
                    row.values().size() > 3 && row.holds(4)))
        .filter(one -> one.bytes() >= WORTH_A_LINE)
        .toList();
  }

  /** Of what does not move, or moves without its rows, nobody needs advice. */
  private String moving(String sql) {
    String moving = sql;
    for (String oid : List.of("c.oid", "i.indrelid")) {
      moving = moving.replace("{" + oid + "}", selection.movesRows(oid));
    }
    return moving;
  }

  /** The runbook's line; what nobody needs may still be needed by something that moves. */
  private @Nullable String leavingOut(List<Sized> found) {
    Set<String> names =
        found.stream()
            .filter(Sized::apart)
            .map(Sized::name)
            .collect(Collectors.toCollection(TreeSet::new));
    if (names.isEmpty()) {
      return null;
    }
    TablesSpec tables = look.move().tables();
    Set<String> line = new LinkedHashSet<>(tables == null ? List.of() : tables.exclude());
    line.addAll(names);
    return Selection.line("exclude", line) + "; then plan again";
  }

  private static String count(List<Sized> found, String one, String many) {
    return "%,d %s".formatted(found.size(), found.size() == 1 ? one : many);
  }

  private static String total(List<Sized> found) {
    return Size.words(found.stream().mapToLong(Sized::bytes).sum());
  }

  private static String lines(List<Sized> found) {
    return found.stream().limit(SHOWN).map(Sized::line).collect(Collectors.joining(", "))
        + (found.size() > SHOWN ? " and %d more".formatted(found.size() - SHOWN) : "");
  }

  private static String drop(List<Sized> found) {
    return found.stream()
        .limit(SHOWN)
        .map(one -> "DROP INDEX CONCURRENTLY " + one.name() + ";")
        .collect(Collectors.joining(" "));
  }
}
