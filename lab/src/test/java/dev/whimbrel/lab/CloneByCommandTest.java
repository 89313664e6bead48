package dev.whimbrel.lab;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.whimbrel.lab.Product.Ran;
import dev.whimbrel.servers.ChildProcess;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.PostgresServer;
import dev.whimbrel.servers.Program;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A clone by the real command, on the real Temporal, whose only worker is killed on the way. */
@Needs({Program.TEMPORAL, Program.PG_DUMP})
class CloneByCommandTest {
  private static final Duration LIMIT = Duration.ofMinutes(4);

  @TempDir Path directory;

  @Test
  void holdsOneSnapshotThoughItsWorkerDiesAndTheServiceGoesOn() throws Exception {
    try (LabWorld world = LabWorld.build().withoutDns().onRealTemporal().start()) {
      Journey.slowTheCopyDown(world.source(), Duration.ofSeconds(6));
      world
          .source()
          .execute(
              Shop.DATABASE,
              "CREATE SCHEMA audit",
              "CREATE TABLE audit.log AS SELECT id FROM orders LIMIT 5",
              "CREATE TABLE cache AS SELECT 1 AS id");
      Product product = world.product();
      Path runbook =
          Files.writeString(
              directory.resolve("clone.yaml"),
              """
              name: shop-copy
              source: {postgres: {url: "%s"}}
              target: {postgres: {url: "%s"}}
              replicate: {jobs: 2, tables: {exclude: [audit.*], excludeData: [public.cache]}}
              """
                  .formatted(world.source().url(Shop.DATABASE), world.target().url(Shop.DATABASE)));
      ChildProcess worker = product.startWorker();
      CompletableFuture<Ran> clone =
          CompletableFuture.supplyAsync(
              () -> product.run(LIMIT, "clone", runbook.toString(), "--verify", "-o", "json"));
      Poll.until("rows are copied", LIMIT, () -> isCopying(world.target()));
      worker.kill9();
      world
          .source()
          .execute(
              Shop.DATABASE,
              "SET ROLE " + Shop.OWNER,
              "DELETE FROM slow_to_copy WHERE n % 2 = 0",
              "UPDATE orders SET id = id",
              "RESET ROLE",
              "TRUNCATE audit.log, cache");
      product.startWorker();
      Ran ran = clone.get(LIMIT.toSeconds(), TimeUnit.SECONDS);
      Ran again = product.run("clone", runbook.toString());

      assertThat(ran.exit()).as(ran.out() + ran.err()).isZero();
      JsonNode document = new ObjectMapper().readTree(ran.out());
      assertThat(document.path("ending").asText()).isEqualTo("CLONED");
      assertThat(document.at("/report/snapshots").asInt()).isEqualTo(1);
      assertThat(document.at("/report/bytesAgain").asLong()).isZero();
      assertThat(document.at("/verification/differences").asLong()).isZero();
      assertThat(document.at("/verification/inFlux").asLong()).isZero();
      assertThat(document.at("/report/leftOut").toString())
          .contains("by the runbook: audit.*", "by the runbook, the rows of public.cache");
      assertThat(
              value(
                  world.target(),
                  "SELECT (SELECT count(*) FROM cache) || coalesce(to_regclass('audit.log')::text, ' none')"))
          .isEqualTo("0 none");
      assertThat(ran.err())
          .contains("copying rows and building indexes", "comparing with the snapshot");
      assertThat(value(world.target(), "SELECT count(*) FROM slow_to_copy")).isEqualTo("3000");
      assertThat(value(world.target(), "SELECT to_regnamespace('whimbrel') IS NULL"))
          .isEqualTo("t");
      assertThat(value(world.source(), "SELECT to_regnamespace('whimbrel') IS NULL"))
          .isEqualTo("t");
      assertThat(
              value(
                  world.source(),
                  "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'whimbrel %'"))
          .isEqualTo("0");
      assertThat(again.exit()).isEqualTo(1);
      assertThat(again.out()).contains("REFUSED", "BLOCKER target-not-empty");
    }
  }

  private static boolean isCopying(PostgresServer target) {
    try {
      return value(
              target,
              "SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE 'COPY%slow_to_copy%' AND state = 'active'")
          .equals("t");
    } catch (SQLException e) {
      return false;
    }
  }

  private static String value(PostgresServer server, String sql) throws SQLException {
    try (Connection connection = server.connect(Shop.DATABASE);
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(sql)) {
      row.next();
      return String.valueOf(row.getString(1));
    }
  }
}
