package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Forecast;
import dev.whimbrel.activity.Forecast.Measured;
import dev.whimbrel.activity.Move;
import dev.whimbrel.runbook.Connect;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Relay;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Objects;

/** Databases to take a sample from, and what is left of one. */
final class Samples {
  static final Databases DATABASES = new Databases(new Secrets());

  private static final String SESSIONS =
      "SELECT count(*) FROM pg_stat_activity WHERE application_name ~ '^whimbrel .* sample'";

  private Samples() {}

  /** A move whose target is reached by a relay. */
  static Move through(Pairs pair, String name, Relay toTarget) {
    return new Move(
        name,
        new PostgresSpec(pair.source().url(name), null, null, null),
        new PostgresSpec(pair.target().url(name, toTarget), null, null, null),
        List.of(Connect.MANUAL),
        List.of(),
        4,
        Duration.ofSeconds(1));
  }

  static void assertGone(Pairs servers, String database) {
    Wait.until(
        "its sessions have gone",
        Duration.ofSeconds(30),
        () ->
            Pairs.value(servers.source(), database, SESSIONS).equals("0")
                && Pairs.value(servers.target(), database, SESSIONS).equals("0"));
  }

  static Move unclaimed(Pairs servers, String name) throws SQLException {
    servers.source().createDatabase(name);
    servers.target().createDatabase(name);
    return servers.move(name);
  }

  /** Some 40 MB of orders with keys, and types that the target does not have. */
  static Move create(Pairs servers, String name) throws SQLException {
    Move move = unclaimed(servers, name);
    servers
        .source()
        .execute(
            name,
            "CREATE TYPE mood AS ENUM ('good', 'bad')",
            "CREATE DOMAIN code AS varchar(20)",
            "CREATE TABLE buyers (id int PRIMARY KEY)",
            "INSERT INTO buyers SELECT generate_series(1, 100)",
            "CREATE TABLE orders (id int PRIMARY KEY, buyer int REFERENCES buyers, day date, mood mood, code code, text text)",
            "INSERT INTO orders SELECT i, 1 + i % 100, '2026-01-01'::date + i % 365, 'good', 'c' || i, repeat('x', 150) FROM generate_series(1, 200000) i",
            "CREATE INDEX by_day ON orders (day, id)",
            "CREATE INDEX by_length ON orders (length(text), id, day, text)",
            "VACUUM ANALYZE orders");
    return move;
  }

  static void assertPlausible(Forecast forecast, int sessions) {
    Measured measured = Objects.requireNonNull(forecast.measured());
    Forecast.Times times = Objects.requireNonNull(forecast.times());
    assertThat(measured.table()).isEqualTo("orders");
    assertThat(measured.sessions()).isEqualTo(sessions);
    assertThat(measured.rows()).isBetween(10_000L, 200_000L);
    assertThat(measured.travelled()).isBetween(1L << 20, CopySample.MOST_SESSIONS * (64L << 20));
    assertThat(measured.bytes()).isGreaterThan(measured.travelled() / 2);
    assertThat(measured.rate()).isGreaterThan(100_000);
    assertThat(measured.aloneRate()).isGreaterThan(100_000);
    assertThat(measured.index()).isEqualTo("id");
    assertThat(measured.indexBytes()).isPositive();
    assertThat(measured.keyMillis()).isPositive();
    assertThat(times.whole()).isGreaterThanOrEqualTo(times.copy());
    assertThat(times.whole()).isGreaterThanOrEqualTo(times.atLeast());
    assertThat(times.because()).startsWith("orders: ");
    assertThat(forecast.largest().get(0).percent()).isBetween(90, 100);
  }
}
