package dev.whimbrel.postgres;

import static dev.whimbrel.postgres.Samples.DATABASES;
import static dev.whimbrel.postgres.Samples.assertGone;
import static dev.whimbrel.postgres.Samples.assertPlausible;
import static dev.whimbrel.postgres.Samples.unclaimed;
import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Forecast;
import dev.whimbrel.activity.Forecast.Measured;
import dev.whimbrel.activity.Move;
import dev.whimbrel.runbook.TablesSpec;
import dev.whimbrel.runbook.ThrottleSpec;
import dev.whimbrel.servers.Relay;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ForecastingTest {
  /** Everything that a sample could leave behind. */
  private static final String LEFT =
      "SELECT (SELECT count(*) FROM pg_class) || ' ' || (SELECT count(*) FROM pg_namespace) || ' '"
          + " || (SELECT count(*) FROM pg_type) || ' ' || (SELECT count(*) FROM pg_attribute) || ' '"
          + " || (SELECT count(*) FROM pg_ls_dir('base/' || (SELECT oid FROM pg_database"
          + " WHERE datname = current_database())) AS f WHERE f ~ '^t[0-9]')";

  private static Pairs pair;

  @BeforeAll
  static void start() {
    pair = Pairs.of(15, 18);
  }

  @AfterAll
  static void stop() {
    pair.close();
  }

  @Test
  void measuresACopyAndLeavesNothingOfIt() throws Exception {
    Move move = Samples.create(pair, "large");
    String before = Pairs.value(pair.target(), "large", LEFT);

    Forecast forecast = new Forecasting(DATABASES, move).run();

    assertThat(forecast.findings()).isEmpty();
    assertPlausible(forecast, 4);
    assertThat(Objects.requireNonNull(forecast.measured()).format()).isEqualTo("binary");
    assertGone(pair, "large");
    assertThat(Pairs.value(pair.target(), "large", LEFT)).isEqualTo(before);
  }

  @ParameterizedTest
  @CsvSource({"13, 13", "13, 18", "16, 18"})
  void measuresBetweenVersions(int from, int to) throws Exception {
    try (Pairs versions = Pairs.of(from, to)) {
      Move move = Samples.create(versions, "versions");

      Forecast forecast = new Forecasting(DATABASES, move).run();

      assertThat(forecast.findings()).isEmpty();
      assertPlausible(forecast, 4);
    }
  }

  @Test
  void measuresTheLineAndNotTheWayThereAndBack() throws Exception {
    Samples.create(pair, "distant");
    try (Relay near = Relay.to(pair.target().port(), Duration.ZERO);
        Relay far = Relay.to(pair.target().port(), Duration.ofMillis(40))) {
      Measured there = measured("distant", near);
      Measured away = measured("distant", far);

      assertThat(away.aloneRate()).isGreaterThan(there.aloneRate() / 4);
      assertThat(away.indexMillis()).isLessThan(there.indexMillis() * 4 + 100);
    }
  }

  private static Measured measured(String name, Relay toTarget) {
    Move move = Samples.through(pair, name, toTarget);
    Forecast forecast = new Forecasting(DATABASES, move).run();
    assertThat(forecast.findings()).isEmpty();
    return Objects.requireNonNull(forecast.measured());
  }

  @Test
  void holdsTypesOfTheSourcesOwnAsText() throws Exception {
    Move move = unclaimed(pair, "types");
    pair.source()
        .execute(
            "types",
            "CREATE TYPE pair AS (a int, b text)",
            "CREATE TABLE odd (id int, \"Two Words\" pair, kind regclass, bits bit(5), n numeric(9,2), g int GENERATED ALWAYS AS (id * 2) STORED, \"when\" timestamptz[])",
            "INSERT INTO odd (id, \"Two Words\", kind, bits, n, \"when\") SELECT i, ROW(i, repeat('x', 90))::pair, 'odd', B'10110', i, ARRAY[now()] FROM generate_series(1, 150000) i",
            "CREATE INDEX ON odd (g)",
            "CREATE INDEX by_id ON odd (\"when\", id)");

    Forecast forecast = new Forecasting(DATABASES, move).run();

    assertThat(forecast.findings()).isEmpty();
    Measured measured = Objects.requireNonNull(forecast.measured());
    assertThat(measured.format()).isEqualTo("text");
    assertThat(measured.index()).isEqualTo("when, id");
    assertThat(measured.keyMillis()).as("no foreign keys").isNull();
  }

  @Test
  void reckonsWithWhatTheRunbookLetsMoveAlone() throws Exception {
    Move all = Samples.create(pair, "chosen");
    pair.source()
        .execute(
            "chosen",
            "CREATE SCHEMA audit",
            "CREATE TABLE audit.log AS SELECT i AS id, repeat('x', 300) AS text FROM generate_series(1, 200000) i",
            "CREATE TABLE cache AS SELECT i AS id, 1 AS buyer, repeat('x', 300) AS text FROM generate_series(1, 200000) i",
            "ALTER TABLE cache ADD FOREIGN KEY (buyer) REFERENCES buyers",
            "CREATE INDEX cache_text ON cache (id, text)",
            "VACUUM ANALYZE");
    Move move =
        all.choosing(new TablesSpec(List.of(), List.of("audit.*"), List.of("public.cache")));

    Forecast forecast = new Forecasting(DATABASES, move).run();

    assertThat(forecast.findings()).isEmpty();
    assertPlausible(forecast, 4);
    assertThat(forecast.largest())
        .extracting(Forecast.TableTime::table)
        .containsExactly("orders", "buyers");
    assertThat(forecast.leavesOut()).contains("what the runbook leaves out (replicate.tables)");
  }

  @Test
  void goesNoFasterThanTheRunbookAllows() throws Exception {
    Move free = Samples.create(pair, "throttled");
    Move move =
        new Move(
            free.migration(),
            free.source(),
            free.target(),
            free.connect(),
            free.leftBehind(),
            free.jobs(),
            free.maxLag(),
            new ThrottleSpec("8MB/s", null),
            null,
            null);

    Forecast forecast = new Forecasting(DATABASES, move).run();

    assertThat(forecast.findings()).isEmpty();
    Measured measured = Objects.requireNonNull(forecast.measured());
    assertThat(measured.travelled() * 1000.0 / measured.copyMillis())
        .isBetween(3_000_000.0, 14_000_000.0);
  }
}
