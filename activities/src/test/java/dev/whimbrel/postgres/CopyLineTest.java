package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.postgres.CopyList.Totals;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class CopyLineTest {
  private static final long MB = 1 << 20;
  private static final Instant BEGUN = Instant.parse("2026-07-24T20:00:00Z");

  private final CopyLine line = new CopyLine(BEGUN);

  @Test
  void tellsRowsBytesTablesIndexesRateAndTimeLeft() {
    assertThat(said(0, 0, 0))
        .isEqualTo("0 B of 400 MB copied in 0 rows, 0 of 7 tables, 0 of 9 indexes");

    assertThat(said(100, 41_213, 10))
        .isEqualTo(
            "100 MB of 400 MB copied in 41,213 rows, 0 of 7 tables, 0 of 9 indexes, 10 MB/s, rows for about 30 s more");
    assertThat(said(100, 41_213, 1000)).endsWith(", 102 KB/s, rows for about 50 min more");
  }

  @Test
  void countsWhatIsUnderWayForRateAndTimeButNotAsCopied() {
    said(0, 0, 0);

    assertThat(line.of(totals(100, 5), new RowsUnderWay(100 * MB, 1234), at(20)))
        .isEqualTo(
            "100 MB of 400 MB copied in 5 rows, 100 MB in 1,234 rows under way, 0 of 7 tables, 0 of 9 indexes, 10 MB/s, rows for about 20 s more");
    assertThat(line.of(totals(100, 5), new RowsUnderWay(900 * MB, 0), at(20)))
        .contains(", 900 MB under way,")
        .endsWith(", 20 MB/s");
  }

  @Test
  void countsTheRateFromWhatWasThereAtFirst() {
    said(300, 7, 0);

    assertThat(said(300, 7, 5)).doesNotContain("/s");
    assertThat(said(350, 8, 10)).endsWith(", 5120 KB/s, rows for about 10 s more");
    assertThat(said(400, 9, 20)).doesNotContain("/s");
  }

  private String said(long megabytes, long rows, int seconds) {
    return line.of(totals(megabytes, rows), RowsUnderWay.NONE, at(seconds));
  }

  private static Totals totals(long megabytes, long rows) {
    return new Totals(megabytes * MB, 400 * MB, rows, 0, 7, 0, 9);
  }

  private static Instant at(int seconds) {
    return BEGUN.plus(Duration.ofSeconds(seconds));
  }
}
