package dev.whimbrel.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.PostgresServer;
import dev.whimbrel.servers.Program;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A whole move, a rollback and another move by roles that are no superusers: on both sides the one
 * that {@code deploy/sql} makes, on servers that ask it for its password.
 */
@Tag("campaign")
@Needs({Program.TEMPORAL, Program.PG_DUMP_18, Program.PSQL})
class RolesTest {
  private static final LabRunbook QUICK = LabRunbook.quick("humble");
  private static final String ROLE = "migrator";
  private static final String SUPERUSER = "postgres: {url: \"postgresql://postgres@";

  @TempDir Path directory;

  @Test
  void theGrantsAreEnoughToMoveToGoBackAndToMoveAgain() throws Exception {
    Path password = Files.writeString(directory.resolve("password"), "of the migrator");
    String humble =
        "postgres: {password: \"file:%s\", url: \"postgresql://%s@".formatted(password, ROLE);
    Path queries =
        Files.writeString(
            directory.resolve("humble.sql"),
            """
            -- name: count
            SELECT count(*) FROM orders;
            -- name: newest
            SELECT * FROM orders ORDER BY id DESC LIMIT 100;
            """);
    Path suite =
        Files.writeString(
            directory.resolve("suite"),
            "exec %s -Xqc 'CREATE TABLE of_the_suite (id int)' -c 'TRUNCATE orders CASCADE'\n"
                .formatted(Program.PSQL.path()));
    Map<String, String> changes =
        Map.of(
            SUPERUSER,
            humble,
            "validate:\n",
            "validate:\n  queries: %s\n  suite: {command: [sh, %s], on: clone}\n"
                .formatted(queries, suite));
    LabWorld.Builder plan = LabWorld.build().versions(16, 18).withoutDns();
    try (Journey journey = Journey.begin(plan, QUICK.name(), Duration.ZERO)) {
      admit(journey.world().source(), "grants-source.sql", Files.readString(password));
      admit(journey.world().target(), "grants-target.sql", Files.readString(password));
      journey.world().target().execute(Shop.DATABASE, "ALTER ROLE " + ROLE + " CREATEDB");

      journey.startChanged(QUICK.withWindow(Duration.ofMinutes(30)), changes);
      journey.await(
          "both sides answer alike",
          status ->
              status.steps().stream()
                  .anyMatch(
                      step ->
                          step.id().equals("validate.queries")
                              && String.valueOf(step.outcome())
                                  .startsWith("2 queries: 2 answered alike")));
      journey.await(
          "a suite has written into a clone",
          status ->
              status.steps().stream()
                  .anyMatch(
                      step ->
                          step.id().equals("validate.suite")
                              && String.valueOf(step.outcome()).startsWith("the suite is green")));
      journey.awaitStep("cutover.window");
      journey.awaitAcknowledged(1_000);
      assertThat(journey.rollBackByCommand().exit()).isZero();
      journey.assertRolledBackWhole();

      journey.startChanged(QUICK, changes);
      journey.assertMigrated();
      journey.judge(true);
    }
  }

  /**
   * Runs the grants as documented; from now on whoever is not of the lab itself needs a password.
   */
  private static void admit(PostgresServer server, String grants, String password)
      throws IOException, InterruptedException {
    Path log = Files.createTempFile("grants", ".log");
    Process psql =
        new ProcessBuilder(
                List.of(
                    Program.PSQL.path().toString(),
                    server.url(Shop.DATABASE),
                    "-Xqv",
                    "role=" + ROLE,
                    "-v",
                    "owner=" + Shop.OWNER,
                    "-f",
                    "../deploy/sql/" + grants))
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    assertThat(psql.waitFor(1, TimeUnit.MINUTES)).isTrue();
    assertThat(psql.exitValue()).as(Files.readString(log)).isZero();
    server.execute(
        Shop.DATABASE,
        "SET password_encryption = 'scram-sha-256'",
        "ALTER ROLE " + ROLE + " PASSWORD '" + password + "'");
    Files.writeString(
        server.data().resolve("pg_hba.conf"),
        """
        host all postgres,%s,%s 127.0.0.1/32 trust
        host all all 127.0.0.1/32 scram-sha-256
        """
            .formatted(Shop.OWNER, Shop.APPLICATION));
    server.execute(Shop.DATABASE, "SELECT pg_reload_conf()");
  }
}
