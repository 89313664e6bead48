package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.TablesSpec;
import java.sql.SQLException;
import java.time.Duration;
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

  /** What was not used for a month may still be used at the end of a quarter; people know. */
  private static final Duration LONG_ENOUGH = Duration.ofDays(31);

  private static final String NOT_COUNTED =
      "A standby counts its own use: ask it too. What was made or loaded since then was watched for less."
          + " A crash or a fail-over since then would have forgotten what was counted, and sessions with track_counts = off are not counted.";

  /** What is the service's own. {@code n} is {@code pg_namespace}. */
  static final String OURS =
      " n.nspname NOT IN ('pg_catalog', 'information_schema', 'whimbrel')"
          + " AND n.nspname !~ '^pg_(toast|temp)'";

  /**
   * Since when uses were surely counted. From 15 on a crash forgets them, and when they were reset,
   * without a new start of the server; what the server itself has written is reset with them.
   */
  static final String COUNTED_SINCE =
      "SELECT to_char(stats_reset AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'),"
          + " to_char(started AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'),"
          + " floor(extract(epoch FROM clock_timestamp() - coalesce(stats_reset, started)))::bigint"
          + " FROM pg_stat_database, (SELECT greatest(pg_postmaster_start_time(),"
          + " (SELECT w.stats_reset FROM pg_stat_bgwriter w)) AS started) s"
          + " WHERE datname = current_database()";

  /** {@code c} is {@code pg_class}. */
  static final String NAME = "format('%I.%I', n.nspname, c.relname)";

  /** Nothing that an extension has made is copied. */
  private static final String OF_NO_EXTENSION =
      " NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass"
          + " AND d.objid = c.oid AND d.deptype = 'e') AND";

  private static final String UNTOUCHED =
      "SELECT "
          + NAME
          + ", pg_total_relation_size(c.oid), NOT c.relispartition FROM pg_stat_user_tables s"
          + " JOIN pg_class c ON c.oid = s.relid JOIN pg_namespace n ON n.oid = c.relnamespace"
          + " WHERE c.relkind = 'r' AND {c.oid} AND s.seq_scan = 0 AND coalesce(s.idx_scan, 0) = 0"
          + " AND s.n_tup_ins + s.n_tup_upd + s.n_tup_del = 0 AND"
          + OF_NO_EXTENSION
          + OURS
          + " ORDER BY 2 DESC, 1";

  private static final String LARGEST =
      "SELECT "
          + NAME
          + ", pg_total_relation_size(c.oid) FROM pg_class c"
          + " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'm') AND {c.oid} AND"
          + OF_NO_EXTENSION
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
    IndexAdvice indexes = IndexAdvice.read(look, selection);
    unused(indexes, since);
    duplicates(indexes);
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

  private void unused(IndexAdvice indexes, String since) {
    List<Sized> unused = sized(indexes.unused());
    if (!unused.isEmpty()) {
      findings.advice(
          "unused-indexes",
          "source",
          "%s, %s, not used %s: %s. %s"
              .formatted(
                  count(unused, "index", "indexes"),
                  total(unused),
                  since,
                  lines(unused),
                  NOT_COUNTED),
          drop(unused));
    }
  }

  private void duplicates(IndexAdvice indexes) {
    List<Sized> duplicates = sized(indexes.duplicates());
    if (!duplicates.isEmpty()) {
      findings.advice(
          "duplicate-indexes",
          "source",
          "%s, %s, say the same as another one, which stays: %s. Keep that one whatever is counted for it: the server counts a use for one of them only."
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
          "%s, %s, neither read nor written %s: %s. What nobody needs need not move. %s"
              .formatted(
                  count(untouched, "table", "tables"),
                  total(untouched),
                  since,
                  lines(untouched),
                  NOT_COUNTED),
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

  private String since() throws SQLException {
    Look.Row row = look.row(Side.SOURCE, COUNTED_SINCE);
    return since(row.text(1), row.text(2), Duration.ofSeconds(row.number(3)));
  }

  /**
   * Since when uses were counted, in words.
   *
   * @param reset when they were reset, or an empty text
   * @param sure since when they were counted at least, where nothing says when they were reset
   * @param ago how long before now the one or the other was
   */
  static String since(String reset, String sure, Duration ago) {
    String since =
        reset.isEmpty()
            ? "since counting began (surely from %s UTC on)".formatted(sure)
            : "since the statistics were reset at %s UTC".formatted(reset);
    if (ago.compareTo(LONG_ENOUGH) >= 0) {
      return since;
    }
    String words =
        ago.toHours() < 2
            ? ago.toMinutes() + " minutes"
            : ago.toHours() < 48 ? ago.toHours() + " hours" : ago.toDays() + " days";
    return "%s, %s%s ago, which says little of what is done once a week or a month"
        .formatted(since, reset.isEmpty() ? "perhaps no more than " : "", words);
  }

  private static List<Sized> sized(List<IndexAdvice.Spare> spare) {
    return spare.stream()
        .map(
            one ->
                new Sized(
                    one.index().name(), one.index().bytes(), Look.shortName(one.kept()), false))
        .filter(one -> one.bytes() >= WORTH_A_LINE)
        .toList();
  }

  private List<Sized> sized(String sql) throws SQLException {
    return look.rows(Side.SOURCE, moving(sql, selection)).stream()
        .map(
            row ->
                new Sized(row.text(1), row.number(2), "", row.values().size() > 2 && row.holds(3)))
        .filter(one -> one.bytes() >= WORTH_A_LINE)
        .toList();
  }

  /** Of what does not move, or moves without its rows, nobody needs advice. */
  static String moving(String sql, Selection selection) {
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
