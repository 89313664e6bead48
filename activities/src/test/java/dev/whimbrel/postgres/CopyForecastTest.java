package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.whimbrel.activity.Forecast;
import dev.whimbrel.activity.Forecast.Measured;
import dev.whimbrel.activity.Move;
import dev.whimbrel.runbook.Connect;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.runbook.ThrottleSpec;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class CopyForecastTest {
  private static final long MB = 1_000_000;

  /** 100 MB/s by four, 40 MB/s by one; an index of 1 MB and a million rows in a second. */
  private static final Measured SAMPLE =
      new Measured(
          "orders", "binary", 4, 4_000_000, 90 * MB, 100 * MB, 600, 400, 20 * MB, 500, "id",
          1_000_000, MB, 1_000, 200L);

  @Test
  void reckonsRowsBySizeAndIndexesByTheirSortAndKeysByRows() {
    CopySizes.Table orders =
        table("orders", 10_000 * MB, 1_000_000, 1, index("by_day", 40 * MB), index("pk", 20 * MB));

    Forecast forecast = forecast(18, SAMPLE, orders);

    assertThat(times(forecast).copy()).as("10 GB at 100 MB/s").isEqualTo(100);
    assertThat(times(forecast).indexes()).as("60 s of work by four").isEqualTo(15);
    assertThat(times(forecast).foreignKeys()).as("a million rows").isEqualTo(1);
    assertThat(times(forecast).atLeast()).as("40 s, 0.2 s").isEqualTo(40);
    assertThat(times(forecast).because())
        .isEqualTo("orders: its index by_day, then its foreign keys");
    assertThat(times(forecast).whole()).as("not before its largest piece is over").isEqualTo(140);
  }

  @Test
  void reckonsASortOfMoreRowsDeeper() {
    Forecast shallow = forecast(18, SAMPLE, table("t", 1, 1_000_000, 0, index("i", 400 * MB)));
    Forecast deep =
        forecast(18, SAMPLE, table("t", 1, 1_000_000_000_000L, 0, index("i", 400 * MB)));

    assertThat(times(shallow).indexes()).isEqualTo(100);
    assertThat(times(deep).indexes()).as("twice the logarithm").isEqualTo(200);
  }

  @Test
  void countsALargeTableThatIsNotCutAsOnesWork() {
    CopySizes.Table orders = table("orders", 10_000 * MB, 1_000_000, 0);

    assertThat(times(forecast(14, SAMPLE, orders)).copy()).isEqualTo(100);
    assertThat(times(forecast(14, SAMPLE, orders)).atLeast()).as("many can share it").isZero();
    assertThat(times(forecast(13, SAMPLE, orders)).copy()).as("at 40 MB/s").isEqualTo(250);
    assertThat(times(forecast(13, SAMPLE, orders)).atLeast()).isEqualTo(250);
  }

  @Test
  void sharesTheTimeAmongTheLargestTables() {
    Forecast forecast =
        forecast(
            18,
            SAMPLE,
            table("a", 6_000 * MB, 1_000_000, 0, index("ai", 40 * MB)),
            table("b", 2_000 * MB, 1_000_000, 0),
            table("c", 500 * MB, 1_000_000, 0),
            table("d", 400 * MB, 1_000_000, 0),
            table("e", 60 * MB, 1_000_000, 0),
            table("f", 40 * MB, 1_000_000, 0));

    assertThat(forecast.largest()).hasSize(Forecast.LARGEST);
    assertThat(forecast.largest().get(0).table()).isEqualTo("a");
    assertThat(forecast.largest().get(0).percent()).isEqualTo(70);
    assertThat(forecast.largest().get(0).copySeconds()).isEqualTo(60);
    assertThat(forecast.largest().get(0).indexSeconds()).isEqualTo(40);
    assertThat(forecast.largest().stream().mapToInt(Forecast.TableTime::percent).sum())
        .isCloseTo(100, within(2));
    assertThat(times(forecast).whole()).isEqualTo(100);
  }

  @Test
  void inventsNothingForWhatWasNotMeasured() {
    Measured noIndex =
        new Measured("orders", "text", 1, 1_000, MB, MB, 500, 500, MB, 1_000, null, 0, 0, 0, null);
    CopySizes.Table orders =
        new CopySizes.Table(
            1,
            "public.orders",
            100 * MB,
            100 * MB,
            0,
            2,
            List.of(new CopySizes.Index("places", 40 * MB, true)));

    Forecast forecast = forecast(18, noIndex, orders);

    assertThat(times(forecast).copy()).isEqualTo(100);
    assertThat(times(forecast).indexes()).isNull();
    assertThat(times(forecast).foreignKeys()).isNull();
    assertThat(forecast.largest().get(0).indexSeconds()).isNull();
    assertThat(times(forecast).because()).isEqualTo("");
    assertThat(forecast.leavesOut())
        .contains(
            "indexes: orders has none that a sample can have",
            "that some indexes are no btrees: they are reckoned as if they were",
            "foreign keys");
  }

  @Test
  void saysWhatAThrottleAdds() {
    Forecast forecast =
        new CopyForecast(new CopySizes(List.of(table("t", MB, 1, 0)), 18), SAMPLE)
            .of(move(new ThrottleSpec(null, 3)));

    assertThat(forecast.leavesOut()).anyMatch(line -> line.contains("replicate.throttle"));
  }

  private static Forecast forecast(int major, Measured measured, CopySizes.Table... tables) {
    return new CopyForecast(new CopySizes(List.of(tables), major), measured).of(move(null));
  }

  private static Forecast.Times times(Forecast forecast) {
    return Objects.requireNonNull(forecast.times());
  }

  private static Move move(@Nullable ThrottleSpec throttle) {
    PostgresSpec there = new PostgresSpec("postgresql://a@127.0.0.1/b", null, null, null);
    return new Move(
        "shop",
        there,
        there,
        List.of(Connect.MANUAL),
        List.of(),
        8,
        Duration.ofSeconds(1),
        throttle,
        null,
        null);
  }

  private static CopySizes.Index index(String name, long bytes) {
    return new CopySizes.Index(name, bytes, false);
  }

  private static CopySizes.Table table(
      String name, long bytes, long rows, int foreignKeys, CopySizes.Index... indexes) {
    return new CopySizes.Table(
        1, "public." + name, bytes, bytes, rows, foreignKeys, List.of(indexes));
  }
}
