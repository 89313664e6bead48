package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.PreflightReport;
import dev.whimbrel.activity.Readiness;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.SwitchoverRequest;
import dev.whimbrel.runbook.Connect;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.PostgresServer;
import dev.whimbrel.servers.Program;
import io.temporal.failure.ApplicationFailure;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Moves a database as the role that {@code deploy/sql} makes, on servers that ask for passwords.
 */
@Needs({Program.PSQL, Program.PG_DUMP})
class GrantsTest {
  private static final String TABLE = "CREATE TABLE orders (id bigserial PRIMARY KEY, what text)";
  private static final String PASSWORD = "of the migrator";

  @ParameterizedTest(name = "{0} to {1}")
  @CsvSource({"15, 16, false", "16, 18, true"})
  void areEnoughToMoveADatabaseAndToGoBackWhereSubscribingCanBeGranted(
      int from, int to, boolean back) throws Exception {
    try (PostgresServer source = PostgresServer.version(from).scram("of the admin").start();
        PostgresServer target = PostgresServer.version(to).scram("of the admin").start()) {
      source.createDatabase("shop");
      target.createDatabase("shop");
      source.execute(
          "shop",
          "CREATE ROLE shop_owner NOLOGIN",
          "GRANT CREATE ON SCHEMA public TO shop_owner",
          "SET ROLE shop_owner",
          TABLE,
          "INSERT INTO orders (what) SELECT 'old' FROM generate_series(1, 100)",
          "RESET ROLE");
      grant(source, "grants-source.sql");
      grant(source, "grants-source.sql");
      grant(target, "grants-target.sql");
      Move move = move(source, target);
      Secrets secrets = new Secrets(Map.of("PASSWORD", PASSWORD));

      PostgresPreflight preflight = new PostgresPreflight(secrets);
      PreflightReport report = preflight.preflight(move);
      assertThat(report.findings().stream().filter(f -> f.level() == Finding.Level.BLOCKER))
          .isEmpty();
      assertThat(report.canGoBack()).isEqualTo(back);
      assertThat(report.findings())
          .anyMatch(
              f ->
                  f.line()
                      .startsWith(
                          "source: its role may not make event triggers: a table that is made while the source is closed takes writes"));

      preflight.claim(move);
      PostgresSchema schema = new PostgresSchema(secrets);
      boolean carried = from <= 15; // Debian 12 has no pg_dump that is newer
      if (carried) {
        schema.createTables(move);
        schema.createKeys(move);
      } else {
        target.execute("shop", "SET ROLE shop_owner", TABLE, "RESET ROLE");
      }
      PostgresReplication replication = new PostgresReplication(secrets);
      replication.subscribe(move);
      replication.awaitCopied(move);
      if (carried) {
        schema.createRest(move);
      }
      replication.awaitCaughtUp(move);
      PostgresSwitchover switchover = new PostgresSwitchover(secrets);
      Readiness ready = again(() -> switchover.prepareSwitchover(move));
      assertThat(ready.canGoBack()).isEqualTo(back);
      assertThat(ready.findings().stream().filter(f -> f.check().equals("ddl-fence"))).hasSize(2);

      HandOver over = again(() -> switchover.handOver(to(move, Side.TARGET)));
      assertThat(over.writesGoTo()).isEqualTo(Side.TARGET);
      target.execute("shop", "INSERT INTO orders (what) VALUES ('new')");
      if (back) {
        HandOver home = again(() -> switchover.settle(to(move, Side.SOURCE)));
        assertThat(home.writesGoTo()).isEqualTo(Side.SOURCE);
        source.execute("shop", "INSERT INTO orders (what) VALUES ('again')");
      } else {
        again(() -> switchover.stopReverse(move));
        again(() -> switchover.cleanUp(move));
      }
    }
  }

  /** As the engine does: what is transient is tried again. */
  private static <T> T again(Supplier<T> step) {
    for (int attempt = 1; ; attempt++) {
      try {
        return step.get();
      } catch (ApplicationFailure e) {
        if (attempt == 3 || !Failures.TRANSIENT.equals(e.getType())) {
          throw e;
        }
      }
    }
  }

  private static SwitchoverRequest to(Move move, Side side) {
    return new SwitchoverRequest(
        move, side, Duration.ofSeconds(5), Duration.ofSeconds(30), null, null);
  }

  private static Move move(PostgresServer source, PostgresServer target) {
    return new Move(
        "shop",
        new PostgresSpec(source.url("migrator", "shop"), "env:PASSWORD", null, null),
        new PostgresSpec(target.url("migrator", "shop"), "env:PASSWORD", null, null),
        List.of(Connect.MANUAL),
        List.of(),
        2,
        Duration.ofSeconds(5));
  }

  private static void grant(PostgresServer server, String file) throws Exception {
    Path log = Files.createTempFile("grants", ".log");
    ProcessBuilder psql =
        new ProcessBuilder(
            Program.PSQL.path().toString(),
            server.url("shop"),
            "-X",
            "-q",
            "-v",
            "role=migrator",
            "-v",
            "owner=shop_owner",
            "-f",
            Path.of("../deploy/sql", file).toString());
    psql.environment().put("PGPASSWORD", "of the admin");
    Process process = psql.redirectErrorStream(true).redirectOutput(log.toFile()).start();
    assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).as(Files.readString(log, StandardCharsets.UTF_8)).isZero();
    server.execute("shop", "ALTER ROLE migrator PASSWORD '" + PASSWORD + "'");
  }
}
