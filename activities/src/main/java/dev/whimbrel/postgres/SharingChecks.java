package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import java.sql.SQLException;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** What several subscriptions would carry, as the source's statistics have it now. */
final class SharingChecks {
  private static final String CHECK = "subscriptions";
  private static final String KEY = "replicate.subscriptions";

  /** From this share of the writes on, one stream has hardly less to do than the only one had. */
  private static final double NEARLY_ALL = 0.8;

  /**
   * Materialized views that are filled, and the tables that they read, also through other views.
   */
  private static final String VIEWS =
      """
      WITH RECURSIVE needs(view, relation) AS (
        SELECT r.ev_class, d.refobjid FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
         WHERE r.ev_type = '1' AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class),
      reads(view, relation) AS (
        SELECT view, relation FROM needs UNION SELECT o.view, i.relation FROM reads o JOIN needs i ON i.view = o.relation)
      SELECT DISTINCT format('%%I.%%I', n.nspname, c.relname), format('%%I.%%I', tn.nspname, t.relname)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN reads r ON r.view = c.oid
        JOIN pg_class t ON t.oid = r.relation AND t.relkind IN ('r', 'p') JOIN pg_namespace tn ON tn.oid = t.relnamespace
       WHERE c.relkind = 'm' AND c.relispopulated AND n.nspname <> 'whimbrel' AND %s
       ORDER BY 1, 2""";

  private final Look look;
  private final Findings findings;
  private final Selection selection;

  SharingChecks(Look look, Findings findings, Selection selection) {
    this.look = look;
    this.findings = findings;
    this.selection = selection;
  }

  void run() throws SQLException {
    if (!look.move().shared()) {
      return;
    }
    SharedTables tables = SharedTables.of(look.source());
    List<String> roots = PublishedTables.roots(look.source(), selection);
    List<SharedTables.Share> shares = tables.among(look.move().streams(), roots);
    tell(shares);
    withoutTables(shares);
    nearlyAll(shares);
    materializedViews(tables, roots);
  }

  private void tell(List<SharedTables.Share> shares) {
    long writes = writes(shares);
    findings.note(
        CHECK,
        KEY,
        "%d streams share the tables by %s: %s. What foreign keys, partitions or inheritance tie together stays in one stream; the way back is one stream."
            .formatted(
                shares.size(),
                writes == 0
                    ? "their size, as the source's statistics know of nothing that was written to them since they were reset"
                    : "what was written to them since the statistics were reset",
                shares.stream()
                    .map(share -> words(share, writes))
                    .collect(Collectors.joining("; "))));
  }

  private void withoutTables(List<SharedTables.Share> shares) {
    long carrying = shares.stream().filter(share -> !share.tables().isEmpty()).count();
    if (carrying == shares.size() || carrying == 0) {
      return;
    }
    findings.warning(
        CHECK,
        KEY,
        "%d of the %d streams would carry no table, and each of them costs the source the decoding of its whole log all the same: the tables are %s that can be apart."
            .formatted(
                shares.size() - carrying,
                shares.size(),
                carrying == 1 ? "one group, with nothing" : carrying + " groups"),
        carrying == 1 ? "take replicate.subscriptions out" : KEY + ": " + carrying);
  }

  private void nearlyAll(List<SharedTables.Share> shares) {
    long writes = writes(shares);
    SharedTables.Share busiest =
        shares.stream()
            .max(Comparator.comparingLong(SharedTables.Share::writes))
            .orElse(SharedTables.Share.NOTHING);
    if (writes > 0 && busiest.writes() > NEARLY_ALL * writes) {
      findings.warning(
          CHECK,
          KEY,
          "one of the streams has %d %% of the writes, of %s: the others hardly help it, and each of them costs the source the decoding of its whole log once more."
              .formatted(Math.round(100.0 * busiest.writes() / writes), tables(busiest.tables())),
          "take fewer subscriptions, or none of them");
    }
  }

  /** Filled while the streams are apart, and shown as they were filled behind the hand-over. */
  private void materializedViews(SharedTables tables, List<String> roots) throws SQLException {
    Set<String> carried = new HashSet<>(roots);
    carried.addAll(PublishedTables.holdingRows(look.source(), selection));
    Map<String, Map<Set<String>, String>> read = new LinkedHashMap<>();
    for (Look.Row row : look.rows(Side.SOURCE, VIEWS.formatted(selection.moves()))) {
      if (carried.contains(row.text(2))) {
        read.computeIfAbsent(row.text(1), none -> new LinkedHashMap<>())
            .putIfAbsent(tables.tiedTo(row.text(2)), row.text(2));
      }
    }
    read.forEach(
        (view, apart) -> {
          if (apart.size() > 1) {
            findings.warning(
                "materialized-view",
                Look.shortName(view),
                "reads tables that different streams may carry (%s), and is refreshed on the target while these are apart: it may hold what the source never had, until it is refreshed again."
                    .formatted(
                        apart.values().stream()
                            .map(Quoting::plain)
                            .collect(Collectors.joining(", "))),
                "REFRESH MATERIALIZED VIEW " + view + "; -- on the target, behind the hand-over");
          }
        });
  }

  private static long writes(List<SharedTables.Share> shares) {
    return shares.stream().mapToLong(SharedTables.Share::writes).sum();
  }

  private static String words(SharedTables.Share share, long all) {
    return "%s, %s"
        .formatted(
            tables(share.tables()),
            all == 0
                ? Size.words(share.bytes())
                : "%d %%".formatted(Math.round(100.0 * share.writes() / all)));
  }

  private static String tables(List<String> tables) {
    return tables.isEmpty()
        ? "no table"
        : tables.size() == 1
            ? Quoting.plain(tables.get(0))
            : "%s and %d more".formatted(Quoting.plain(tables.get(0)), tables.size() - 1);
  }
}
