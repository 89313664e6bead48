package dev.whimbrel.postgres;

import static dev.whimbrel.postgres.Samples.DATABASES;
import static dev.whimbrel.postgres.Samples.assertGone;
import static dev.whimbrel.postgres.Samples.assertPlausible;
import static dev.whimbrel.postgres.Samples.unclaimed;
import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Forecast;
import dev.whimbrel.activity.Move;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.servers.Relay;
import java.sql.Connection;
import java.time.Duration;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What keeps a sample from being taken, and what it must not do to anybody. */
class ForecastLimitsTest {
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
  void saysWhyAndGivesNoFigureWhereNothingCanBeMeasured() throws Exception {
    Move none = unclaimed(pair, "none");
    assertThat(words(none))
        .isEqualTo(
            "source: the copy was not measured, so that its time is an assumption: there is no table whose rows move.");

    pair.source().execute("none", "CREATE TABLE tiny AS SELECT 1 AS id");
    assertThat(words(none)).contains("the largest table holds 8192 B, and a sample needs 16 MB");

    Move wide = unclaimed(pair, "wide");
    pair.source()
        .execute(
            "wide",
            "CREATE TABLE wide (b bytea)",
            "ALTER TABLE wide ALTER b SET STORAGE EXTERNAL",
            "INSERT INTO wide SELECT decode(repeat('00', 20000000), 'hex')");
    assertThat(words(wide)).contains("too few rows, or columns, for a sample");

    Move claimed = Samples.create(pair, "claimed");
    pair.claim(claimed);
    assertThat(words(claimed)).contains("a migration is under way");

    Move empty = Samples.create(pair, "emptied");
    pair.source()
        .execute(
            "emptied", "ALTER TABLE orders SET (autovacuum_enabled = off)", "DELETE FROM orders");
    assertThat(words(empty)).contains("a sample of orders found no rows");
  }

  @Test
  void saysWhichRightIsMissing() throws Exception {
    Move move = Samples.create(pair, "rights");
    pair.source().execute("rights", "CREATE ROLE weak LOGIN");
    pair.target()
        .execute(
            "rights", "CREATE ROLE weak LOGIN", "REVOKE TEMPORARY ON DATABASE rights FROM PUBLIC");
    Move weak = as(move, "weak");

    assertThat(words(weak))
        .contains(
            "orders: ", "weak may not read it", "Fix: GRANT SELECT ON public.orders TO weak;");
    pair.source().execute("rights", "GRANT SELECT ON orders TO weak");
    assertThat(words(weak))
        .contains("may not create temporary tables")
        .contains("Fix: GRANT TEMPORARY ON DATABASE rights TO weak;");
    pair.target().execute("rights", "GRANT TEMPORARY ON DATABASE rights TO weak");
    Forecast forecast = new Forecasting(DATABASES, weak).run();
    assertThat(forecast.findings()).isEmpty();
    assertPlausible(forecast, 4);

    pair.source().execute("rights", "ALTER TABLE orders ENABLE ROW LEVEL SECURITY");
    assertThat(words(weak)).contains("row-level security hides rows of it from weak");
  }

  @Test
  void doesNotWaitForALockNorMakeAnybodyWaitForLong() throws Exception {
    Move move = Samples.create(pair, "locked");
    try (Connection holder = pair.source().connect("locked")) {
      holder.setAutoCommit(false);
      holder.createStatement().execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE");

      Deadline clock = new Deadline(CopySample.LIMIT);
      assertThat(words(move)).contains("lock timeout");
      assertThat(clock.elapsed()).isLessThan(Duration.ofSeconds(10));
    }
    assertGone(pair, "locked");
  }

  @Test
  void endsInTimeWhereAServerFallsSilent() throws Exception {
    Samples.create(pair, "silent");
    try (Relay toTarget = Relay.to(pair.target().port(), Duration.ofMillis(15))) {
      Move move = Samples.through(pair, "silent", toTarget);
      Thread silence =
          new Thread(
              () -> {
                Wait.until(
                    "rows move",
                    Duration.ofSeconds(30),
                    () ->
                        !Pairs.value(
                                pair.target(),
                                "silent",
                                "SELECT count(*) FROM pg_stat_activity WHERE datname = 'silent' AND query ~ '^COPY'")
                            .equals("0"));
                toTarget.abandon();
              });
      silence.start();
      Deadline clock = new Deadline(Duration.ofMinutes(1));

      Forecast forecast = new Forecasting(DATABASES, move, Duration.ofSeconds(4)).run();

      silence.join();
      assertThat(clock.elapsed()).isLessThan(Duration.ofSeconds(25));
      assertThat(forecast.times()).isNull();
      assertThat(forecast.findings())
          .singleElement()
          .satisfies(f -> assertThat(f.level()).isEqualTo(Finding.Level.NOTE));
    }
    assertGone(pair, "silent");
    assertThat(
            Pairs.value(
                pair.target(),
                "silent",
                "SELECT count(*) FROM pg_class WHERE relname ~ 'whimbrel_sample'"))
        .isEqualTo("0");
  }

  @Test
  void givesUpWhereItTakesLongerThanItMay() throws Exception {
    Move move = Samples.create(pair, "slow");

    Forecast forecast = new Forecasting(DATABASES, move, Duration.ofMillis(1)).run();

    assertThat(forecast.times()).isNull();
    assertThat(forecast.findings().get(0).line()).contains("takes longer than");
    assertGone(pair, "slow");
  }

  @Test
  void givesUpRowsThatAreMoreThanTheyPromise() throws Exception {
    Move move = unclaimed(pair, "uneven");
    pair.source()
        .execute(
            "uneven",
            "CREATE TABLE uneven (id int, b bytea)",
            "ALTER TABLE uneven ALTER b SET STORAGE EXTERNAL",
            "INSERT INTO uneven SELECT i, CASE WHEN i < 8 THEN decode(repeat('00', 25000000), 'hex') ELSE decode(repeat('00', 1800), 'hex') END FROM generate_series(1, 20000) i");

    assertThat(words(move)).contains("there are more than 128 MB of rows");
    assertGone(pair, "uneven");
  }

  private static String words(Move move) {
    Forecast forecast = new Forecasting(DATABASES, move).run();
    assertThat(forecast.measured()).isNull();
    assertThat(forecast.times()).isNull();
    assertThat(forecast.largest()).isEmpty();
    assertThat(forecast.method()).isEqualTo("online");
    return forecast.findings().get(0).line();
  }

  private static Move as(Move move, String role) {
    return new Move(
        move.migration(),
        new PostgresSpec(pair.source().url(role, move.migration()), null, null, null),
        new PostgresSpec(pair.target().url(role, move.migration()), null, null, null),
        move.connect(),
        move.leftBehind(),
        move.jobs(),
        move.maxLag());
  }
}
