package dev.whimbrel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.DifferingRow;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.VerificationReport;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class VerifyTest {
  @Test
  void doesNotCallEqualWhatCouldNotBeCompared() {
    assertThat(
            notCompared(
                "public.orders: ERROR: permission denied for table orders",
                "public.\"a \"\" b\": not every row, since 1000 rows there and before differ",
                "public.blobs: it is unlogged: streams do not carry it",
                "large objects: ERROR: permission denied",
                "and 3 more objects"))
        .isEqualTo(5);
    assertThat(
            notCompared(
                "definitions of views, rules, functions, policies, event triggers, operators, casts, text search and extended statistics, publications, schemas, owners, grants and default privileges, replica identities, CLUSTER ON, OWNED BY of sequences, options of foreign servers and tables, storage and comments",
                "trigger public.people.changed: a restored dump reads it with other casts: a on the source, b on the target",
                "values of sequences: they may be behind on the target until the switchover",
                "values of sequences that cycle: round, public.other",
                "order of text: what has no collation of its own is sorted by libc C on the source, by icu en on the target: the same rows",
                "collation public.german: its locale is spelt de@a=b on the source, de on the target",
                "extension postgis: what changed from version 3.1 on the source to 3.4 on the target",
                "index public.i: invalid on the source. Fix: REINDEX INDEX CONCURRENTLY public.i;",
                "public.elsewhere: it is a foreign table: its rows live elsewhere",
                "public.spatial_ref_sys: on the target it belongs to an extension",
                "left out by the runbook: audit.*, public.\"Old \"*",
                "public.cache: the runbook leaves its rows out",
                "public.rich: it is not populated"))
        .isZero();
  }

  private static long notCompared(String... lines) {
    return Verify.tablesLeftOut(
        new VerificationReport(Instant.EPOCH, 1, 1, 0, 0, List.of(), List.of(lines), List.of()));
  }

  @Test
  void saysWhatToDoAboutRowsWithoutAKey() {
    VerificationReport report =
        new VerificationReport(
            Instant.EPOCH,
            1,
            1,
            1,
            0,
            List.of("public.log: 1 on the source, 0 on the target of the row at ctid (0,1)"),
            List.of(),
            List.of(),
            "fast",
            Side.SOURCE,
            1,
            List.of(
                new DifferingRow(
                    "public.log",
                    Map.of("ctid", "(0,1) of the source"),
                    "1 on the source, 0 on the target",
                    null)));

    assertThat(Verify.lines(report))
        .noneMatch(line -> line.startsWith("TO MEND"))
        .anyMatch(line -> line.startsWith("ROWS WITHOUT A KEY: there are no commands for them"));
  }
}
