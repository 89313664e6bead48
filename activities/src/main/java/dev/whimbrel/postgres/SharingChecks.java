package dev.whimbrel.postgres;

import java.sql.SQLException;
import java.util.List;
import java.util.stream.Collectors;

/** What several subscriptions would carry, as the source's statistics have it now. */
final class SharingChecks {
  private static final String CHECK = "subscriptions";
  private static final String KEY = "replicate.subscriptions";

  /** From this share of the writes on, one stream has hardly less to do than the only one had. */
  private static final double NEARLY_ALL = 0.8;

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
    List<SharedTables.Share> shares =
        SharedTables.of(look.source())
            .among(look.move().streams(), PublishedTables.roots(look.source(), selection));
    long writes = shares.stream().mapToLong(SharedTables.Share::writes).sum();
    findings.note(
        CHECK,
        KEY,
        "%d streams share the tables by what was written to them since the statistics were reset: %s. What foreign keys, partitions or inheritance tie together stays in one stream; the way back is one stream."
            .formatted(
                shares.size(),
                shares.stream()
                    .map(share -> words(share, writes))
                    .collect(Collectors.joining("; "))));
    SharedTables.Share busiest =
        shares.stream()
            .max((a, b) -> Long.compare(a.writes(), b.writes()))
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

  private static String words(SharedTables.Share share, long all) {
    return "%s%s"
        .formatted(
            tables(share.tables()),
            all == 0 ? "" : ", %d %%".formatted(Math.round(100.0 * share.writes() / all)));
  }

  private static String tables(List<String> tables) {
    return tables.isEmpty()
        ? "no table"
        : tables.size() == 1
            ? Quoting.plain(tables.get(0))
            : "%s and %d more".formatted(Quoting.plain(tables.get(0)), tables.size() - 1);
  }
}
