package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.PreflightReport;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.PostgresServer;
import dev.whimbrel.servers.Program;
import java.sql.Connection;
import java.util.Map;
import org.junit.jupiter.api.Test;

@Needs(Program.PG_DUMP)
class PreflightOfSettingsTest {
  private final PostgresPreflight preflight = new PostgresPreflight(new Secrets());

  @Test
  void namesEverySettingThatStandsInTheWay() throws Exception {
    PostgresServer source =
        PostgresServer.version(16)
            .set("wal_level", "replica")
            .set("max_replication_slots", "2")
            .set("max_wal_senders", "2")
            .set("max_slot_wal_keep_size", "1GB")
            .set("track_counts", "off")
            .start();
    PostgresServer target =
        PostgresServer.version(18)
            .set("wal_level", "replica")
            .set("idle_replication_slot_timeout", "600")
            .set("max_sync_workers_per_subscription", "2")
            .set("max_logical_replication_workers", "2")
            .set("max_worker_processes", "3")
            .set("max_active_replication_origins", "1")
            .start();
    try (Pairs pair = new Pairs(source, target)) {
      source.createDatabase("shop");
      target.createDatabase("shop");

      PreflightReport report = preflight.preflight(pair.move("shop"));

      assertThat(PostgresPreflightTest.lines(report))
          .contains(
              "BLOCKER wal-level source: has wal_level = replica, which no stream can read. Fix:"
                  + " ALTER SYSTEM SET wal_level = logical; -- then restart the server",
              "BLOCKER max-replication-slots source: has max_replication_slots = 2 with 0 in use;"
                  + " this migration needs 5. Fix: ALTER SYSTEM SET max_replication_slots = 5; --"
                  + " then restart the server",
              "BLOCKER max-wal-senders source: has max_wal_senders = 2 with 0 in use; this"
                  + " migration needs 5. Fix: ALTER SYSTEM SET max_wal_senders = 5; -- then restart"
                  + " the server",
              "WARNING max-slot-wal-keep-size source: drops a slot that is more than 1GB behind,"
                  + " and with it the stream. Fix: ALTER SYSTEM SET max_slot_wal_keep_size = -1;"
                  + " SELECT pg_reload_conf();",
              "BLOCKER track-counts source: does not count writes (track_counts is off), so that a"
                  + " soak would see none. Fix: ALTER SYSTEM SET track_counts = on; SELECT"
                  + " pg_reload_conf();",
              "BLOCKER idle-replication-slot-timeout target: invalidates a slot that is idle for"
                  + " 10min, for good. Fix: ALTER SYSTEM SET idle_replication_slot_timeout = 0;"
                  + " SELECT pg_reload_conf();",
              "BLOCKER max-logical-replication-workers target: has max_logical_replication_workers"
                  + " = 2 with 0 in use; this migration needs 5. Fix: ALTER SYSTEM SET"
                  + " max_logical_replication_workers = 5; -- then restart the server",
              "WARNING sync-workers target: copies 2 tables at once, not the 4 of replicate.jobs."
                  + " Fix: ALTER SYSTEM SET max_sync_workers_per_subscription = 4; SELECT"
                  + " pg_reload_conf();")
          .anyMatch(
              l ->
                  l.startsWith("BLOCKER max-worker-processes target: has max_worker_processes = 3"))
          .anyMatch(
              l ->
                  l.startsWith(
                      "BLOCKER max-active-replication-origins target: has"
                          + " max_active_replication_origins = 1"))
          .anyMatch(
              l ->
                  l.startsWith(
                      "WARNING way-back rollback: THERE WILL BE NO WAY BACK AFTER THE HAND-OVER:"
                          + " the target's wal_level is replica."));
      assertThat(report.canGoBack()).isFalse();
      assertThat(PostgresPreflightTest.lines(preflight.preflight(pair.move("shop", 1).sharedBy(6))))
          .as("a worker for each stream, and one for a table that is added")
          .anyMatch(
              l ->
                  l.startsWith(
                      "BLOCKER max-logical-replication-workers target: has max_logical_replication_workers = 2 with 0 in use; this migration needs 7. Fix: ALTER SYSTEM SET max_logical_replication_workers = 7;"))
          .anyMatch(
              l ->
                  l.startsWith("BLOCKER max-worker-processes target: has max_worker_processes = 3")
                      && l.contains("this migration needs 7."))
          .anyMatch(
              l ->
                  l.startsWith(
                      "BLOCKER max-active-replication-origins target: has max_active_replication_origins = 1 with 0 in use; this migration needs 8."));
    }
  }

  @Test
  void asksForHelpWhenThePasswordIsWrong() throws Exception {
    PostgresServer source = PostgresServer.version(15).scram("right-password").start();
    try (Pairs pair = new Pairs(source, PostgresServer.start(15))) {
      Move move = pair.move("postgres");
      Move wrong =
          new Move(
              move.migration(),
              new PostgresSpec(source.url("postgres"), "env:PW", null, null),
              move.target(),
              move.connect(),
              move.leftBehind(),
              move.jobs(),
              move.maxLag());
      PostgresPreflight guessing =
          new PostgresPreflight(new Secrets(Map.of("PW", "wrong-password")));

      assertThatThrownBy(() -> guessing.preflight(wrong))
          .hasMessageContaining("Cannot connect to the source database")
          .hasMessageContaining("password authentication failed for user \"postgres\"")
          .hasMessageNotContaining("wrong-password");
    }
  }

  @Test
  void subscribesWithPasswordsThatStayOutOfTheTargetsLog() throws Exception {
    PostgresServer source = PostgresServer.version(15).scram("source-password").start();
    PostgresServer target =
        PostgresServer.version(16).scram("target-password").set("log_statement", "all").start();
    Secrets secrets = new Secrets(Map.of("S", "source-password", "T", "target-password"));
    try (Pairs pair = new Pairs(source, target)) {
      source.createDatabase("shop");
      target.createDatabase("shop");
      source.execute("shop", "CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (1)");
      Move trusted = pair.move("shop");
      Move move =
          new Move(
              "shop",
              new PostgresSpec(trusted.source().url(), "env:S", null, null),
              new PostgresSpec(trusted.target().url(), "env:T", null, null),
              trusted.connect(),
              trusted.leftBehind(),
              4,
              trusted.maxLag());
      PostgresReplication replication = new PostgresReplication(secrets);
      PostgresSchema schema = new PostgresSchema(secrets);
      new PostgresPreflight(secrets).claim(move);
      schema.createTables(move);
      schema.createKeys(move);

      assertThat(replication.subscribe(move).line())
          .isEqualTo("1 tables subscribed, the stream runs as whimbrel_shop");
      replication.awaitCopied(move);

      assertThat(Pairs.value(target, "shop", "SELECT count(*) FROM t")).isEqualTo("1");
      String conninfo = Pairs.value(target, "shop", "SELECT subconninfo FROM pg_subscription");
      String password = conninfo.replaceAll(".*password='([^']*)'.*", "$1");
      assertThat(conninfo).doesNotContain("source-password");
      assertThat(java.nio.file.Files.readString(target.logFile()))
          .contains("CREATE")
          .doesNotContain(password);
      replication.unsubscribe(move);
    }
  }

  @Test
  void refusesAStandby() throws Exception {
    try (Pairs pair = Pairs.of(15, 16);
        Connection busy = pair.source().connect("postgres")) {
      // A standby needs a base backup; a server in recovery is told by this one function.
      busy.createStatement().execute("CREATE SCHEMA fake");
      busy.createStatement()
          .execute(
              "CREATE FUNCTION fake.pg_is_in_recovery() RETURNS bool LANGUAGE sql AS 'SELECT true'");
      busy.createStatement()
          .execute("ALTER DATABASE postgres SET search_path = fake, pg_catalog, public");

      assertThat(PostgresPreflightTest.lines(preflight.preflight(pair.move("postgres"))))
          .contains(
              "BLOCKER standby source: is a standby and takes no writes. Fix: name its primary in"
                  + " the url");
    }
  }
}
