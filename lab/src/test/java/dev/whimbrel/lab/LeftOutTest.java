package dev.whimbrel.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.lab.Product.Ran;
import dev.whimbrel.migration.MigrationResult.Ending;
import dev.whimbrel.migration.MigrationStatus;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.PostgresServer;
import dev.whimbrel.servers.Program;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * A service moves without some of its tables, comes back, and moves again: by the real commands.
 */
@Tag("campaign")
@Needs({Program.TEMPORAL, Program.PG_DUMP})
class LeftOutTest {
  private static final LabRunbook QUICK = LabRunbook.quick("some");
  private static final String KEY = "replicate: {jobs";
  private static final String TABLES =
      "replicate: {tables: {exclude: [audit.*], excludeData: [public.cache]}, jobs";

  @Test
  void movesComesBackAndMovesAgainWithoutThem() throws Exception {
    LabWorld.Builder plan = LabWorld.build().withoutDns();
    try (Journey journey = Journey.begin(plan, QUICK.name(), Duration.ZERO)) {
      PostgresServer source = journey.world().source();
      source.execute(
          Shop.DATABASE,
          "CREATE SCHEMA audit",
          "CREATE TABLE audit.log (id bigserial PRIMARY KEY, customer bigint REFERENCES customers)",
          "INSERT INTO audit.log (customer) SELECT id FROM customers LIMIT 10",
          "CREATE TABLE cache (id int PRIMARY KEY)",
          "INSERT INTO cache VALUES (1)",
          "CREATE VIEW audited AS SELECT count(*) FROM audit.log");

      refusesAPlanThatCutsAView(journey);
      source.execute(Shop.DATABASE, "DROP VIEW audited");
      journey.startChanged(QUICK.withWindow(Duration.ofMinutes(30)), Map.of(KEY, TABLES));
      journey.awaitStep("cutover.window");
      assertThat(Objects.requireNonNull(journey.status().verification()).notCompared())
          .contains(
              "left out by the runbook: audit.*", "public.cache: the runbook leaves its rows out");
      assertThatThrownBy(
              () -> source.execute(Shop.DATABASE, "INSERT INTO audit.log DEFAULT VALUES"))
          .hasStackTraceContaining("this database is closed");
      journey.awaitAcknowledged(1_000);
      journey.world().target().execute(Shop.DATABASE, "INSERT INTO cache VALUES (2)");
      assertThat(
              journey.world().product().run("status", QUICK.name()).out().replaceAll("\\s+", " "))
          .contains("at risk BUT THOSE TO public.cache, which stay on the target");
      assertThat(journey.rollBackByCommand().exit()).isZero();
      keepsTheTargetClosedWithItsRows(journey);
      assertThat(count(source, "audit.log")).isEqualTo(10);

      journey
          .world()
          .target()
          .execute(
              "postgres",
              "DROP DATABASE %s WITH (FORCE)".formatted(Shop.DATABASE),
              "CREATE DATABASE %s OWNER %s".formatted(Shop.DATABASE, Shop.OWNER));
      journey.startChanged(QUICK, Map.of(KEY, TABLES));
      journey.assertMigrated();
      journey.judge(true);
      assertThat(count(source, "audit.log")).isEqualTo(10);
      assertThat(count(journey.world().target(), "cache")).isZero();
      assertThat(count(journey.world().target(), "pg_class WHERE relname = 'log'")).isZero();
    }
  }

  /** Whoever still has its address must not be acknowledged writes that nobody reads. */
  private static void keepsTheTargetClosedWithItsRows(Journey journey) throws Exception {
    PostgresServer target = journey.world().target();
    MigrationStatus end = journey.awaitEnd();
    String story = LabMigration.summary(end);
    assertThat(end.result()).as(story).isEqualTo(Ending.ROLLED_BACK);
    assertThat(end.writesGoTo()).as(story).isEqualTo("source");
    assertThat(count(target, "cache")).isEqualTo(1);
    for (String table : List.of("customers (name)", "cache (id)", "orders (id)")) {
      assertThatThrownBy(
              () -> target.execute(Shop.DATABASE, "INSERT INTO " + table + " SELECT NULL"))
          .as(table)
          .hasStackTraceContaining("this database is closed");
    }
    Path file = journey.world().write(QUICK);
    Files.writeString(file, Files.readString(file).replace(KEY, TABLES));
    Ran plan = journey.world().product().run("plan", file.toString());
    assertThat(plan.exit()).isEqualTo(1);
    assertThat(plan.out().replaceAll("\\s+", " "))
        .contains("was kept, closed, by a rollback of this migration");
    Ran report = journey.world().product().run("report", QUICK.name());
    assertThat((report.out() + report.err()).replaceAll("\\s+", " "))
        .contains("rows of public.cache were written there")
        .contains("the target stays claimed and closed");
  }

  private static void refusesAPlanThatCutsAView(Journey journey) throws IOException {
    Path file = journey.world().write(QUICK);
    Files.writeString(file, Files.readString(file).replace(KEY, TABLES));

    Ran plan = journey.world().product().run("plan", file.toString());

    assertThat(plan.exit()).isEqualTo(1);
    assertThat(plan.out().replaceAll("\\s+", " "))
        .contains(
            "view public.audited: needs audit.log, which does not move. Fix: leave it out too:"
                + " replicate.tables.exclude: [public.audited]; or let audit.log move")
        .contains("2 relations are not moved, as the runbook says")
        .contains("audit.log, audit.log_id_seq");
  }

  private static long count(PostgresServer server, String table) throws SQLException {
    try (Connection database = server.connect(Shop.DATABASE);
        Statement statement = database.createStatement();
        ResultSet row = statement.executeQuery("SELECT count(*) FROM " + table)) {
      row.next();
      return row.getLong(1);
    }
  }
}
