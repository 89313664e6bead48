package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.Connect;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.PgBouncer;
import dev.whimbrel.servers.Program;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import java.time.Duration;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** A pooler that fails neither keeps a database closed nor stays paused. */
@Needs(Program.PGBOUNCER)
class PoolerFailureTest {
  private static Pairs pair;

  @BeforeAll
  static void start() {
    pair = Pairs.of(15, 16);
  }

  @AfterAll
  static void stop() {
    pair.close();
  }

  @Test
  void opensTheTargetThoughItsPoolerIsAway() throws Exception {
    try (World world = new World(pair).prepared();
        PgBouncer pooler = PgBouncer.to(pair.source().port(), world.name()).user("app").start()) {
      world.connect(connect(pooler, world));
      try (SwitchoverProcess child =
          SwitchoverProcess.stoppingAt(world, Side.TARGET, Checkpoints.Point.HANDED_OVER)
              .awaitAt(Checkpoints.Point.HANDED_OVER)) {
        child.kill();
      }
      pooler.kill9();

      assertThatThrownBy(() -> world.switchover().settle(world.to(Side.TARGET)))
          .hasMessageContaining("PgBouncer");
      pair.target().execute(world.name(), "INSERT INTO entry (writer, n) VALUES (1, 1)");

      pooler.start();
      assertThat(world.switchover().settle(world.to(Side.TARGET)).writesGoTo())
          .isEqualTo(Side.TARGET);
      assertThat(askThrough(pooler)).isEqualTo(String.valueOf(pair.target().port()));
    }
  }

  @Test
  void doesNotLeaveAPoolerPausedThatCouldNotBePointed() throws Exception {
    try (World world = new World(pair).prepared();
        PgBouncer pooler = PgBouncer.to(pair.source().port(), world.name()).user("app").start()) {
      world.switchover().handOver(world.to(Side.TARGET));
      world.connect(connect(pooler, world));
      try (Connection reader = DriverManager.getConnection(pooler.jdbcUrl(), "app", "");
          Statement statement = reader.createStatement()) {
        reader.setAutoCommit(false);
        statement.execute("SELECT count(*) FROM entry");

        assertThatThrownBy(() -> world.switchover().settle(world.to(Side.TARGET)))
            .hasMessageContaining("could not be pointed to the target");
      }

      assertThat(askThrough(pooler)).isEqualTo(String.valueOf(pair.source().port()));
      world.switchover().settle(world.to(Side.TARGET));
      assertThat(askThrough(pooler)).isEqualTo(String.valueOf(pair.target().port()));
    }
  }

  /** The port of the server that a client of the pooler gets; fails when it is held back. */
  private static String askThrough(PgBouncer pooler) throws Exception {
    String url = pooler.jdbcUrl() + (pooler.jdbcUrl().contains("?") ? "&" : "?");
    try (Connection connection =
            DriverManager.getConnection(
                url + "socketTimeout=" + Duration.ofSeconds(4).toSeconds(), "app", "");
        Statement statement = connection.createStatement();
        var row = statement.executeQuery("SELECT current_setting('port')")) {
      row.next();
      return row.getString(1);
    }
  }

  private static Connect connect(PgBouncer pooler, World world) {
    return new Connect(
        new Connect.PgBouncer(
            pooler.adminUrl(),
            null,
            world.name(),
            new Connect.Switch(pooler.iniFile().toString(), null)),
        null,
        null,
        false);
  }
}
