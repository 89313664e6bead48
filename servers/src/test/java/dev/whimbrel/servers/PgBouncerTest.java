package dev.whimbrel.servers;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

@Needs(Program.PGBOUNCER)
class PgBouncerTest {
  @Test
  void aPausedPoolerHoldsItsClientsAndGoesOnAtTheServerThatTheFileNames() throws Exception {
    try (PostgresServer one = PostgresServer.start(15);
        PostgresServer other = PostgresServer.start(16)) {
      one.createDatabase("shop");
      other.createDatabase("shop");
      try (PgBouncer pooler = PgBouncer.to(one.port(), "shop").start();
          Connection client = DriverManager.getConnection(pooler.jdbcUrl(), "postgres", "")) {
        assertThat(versionSeenBy(client)).startsWith("15.");

        pooler.command("PAUSE shop");
        CompletableFuture<String> held = CompletableFuture.supplyAsync(() -> versionSeenBy(client));
        Files.writeString(
            pooler.iniFile(),
            Files.readString(pooler.iniFile())
                .replace("port=" + one.port(), "port=" + other.port()));
        pooler.command("RELOAD");
        assertThat(held.isDone()).isFalse();
        pooler.command("RESUME shop");

        assertThat(held.get(10, TimeUnit.SECONDS)).startsWith("16.");
      }
    }
  }

  @Test
  void comesBackOnItsPortAfterItWasKilled() throws Exception {
    try (PostgresServer server = PostgresServer.start(15);
        PgBouncer pooler = PgBouncer.to(server.port(), "postgres").user("app").start()) {
      server.execute("postgres", "CREATE ROLE app LOGIN");

      pooler.kill9();
      pooler.start();

      try (Connection client = DriverManager.getConnection(pooler.jdbcUrl(), "app", "")) {
        assertThat(versionSeenBy(client)).startsWith("15.");
      }
    }
  }

  private static String versionSeenBy(Connection client) {
    try (ResultSet rows = client.createStatement().executeQuery("SHOW server_version")) {
      rows.next();
      return rows.getString(1);
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }
}
