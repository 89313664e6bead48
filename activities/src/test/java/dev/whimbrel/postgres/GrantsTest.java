package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.PreflightReport;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.SwitchoverRequest;
import dev.whimbrel.runbook.Connect;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.PostgresServer;
import dev.whimbrel.servers.Program;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Moves a database as the role that {@code deploy/sql} makes, on servers that ask for passwords.
 */
@Needs({Program.PSQL, Program.PG_DUMP})
class GrantsTest {
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
          "CREATE TABLE orders (id bigserial PRIMARY KEY, what text)",
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

      preflight.claim(move);
      PostgresSchema schema = new PostgresSchema(secrets);
      schema.createTables(move);
      schema.createKeys(move);
      PostgresReplication replication = new PostgresReplication(secrets);
      replication.subscribe(move);
      replication.awaitCopied(move);
      schema.createRest(move);
      replication.awaitCaughtUp(move);
      PostgresSwitchover switchover = new PostgresSwitchover(secrets);
      assertThat(switchover.prepareSwitchover(move).canGoBack()).isEqualTo(back);

      HandOver over = switchover.handOver(to(move, Side.TARGET));
      assertThat(over.writesGoTo()).isEqualTo(Side.TARGET);
      target.execute("shop", "INSERT INTO orders (what) VALUES ('new')");
      if (back) {
        HandOver home = switchover.settle(to(move, Side.SOURCE));
        assertThat(home.writesGoTo()).isEqualTo(Side.SOURCE);
        source.execute("shop", "INSERT INTO orders (what) VALUES ('again')");
      } else {
        switchover.stopReverse(move);
        switchover.cleanUp(move);
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
