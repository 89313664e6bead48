package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Side;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;

/** A pooler that fails neither keeps a database closed nor stays paused. */
@Needs(Program.PGBOUNCER)
@Isolated("the pause is held to a limit")
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
    try (PooledWorld pooled = PooledWorld.prepared(pair)) {
      World world = pooled.world();
      try (SwitchoverProcess child =
          SwitchoverProcess.stoppingAt(world, Side.TARGET, Checkpoints.Point.HANDED_OVER)
              .awaitAt(Checkpoints.Point.HANDED_OVER)) {
        child.kill();
      }
      pooled.pooler().kill9();

      assertThatThrownBy(() -> world.switchover().settle(world.to(Side.TARGET)))
          .hasMessageContaining("PgBouncer");
      pair.target().execute(world.name(), "INSERT INTO entry (writer, n) VALUES (1, 1)");

      pooled.pooler().start();
      assertThat(world.switchover().settle(world.to(Side.TARGET)).writesGoTo())
          .isEqualTo(Side.TARGET);
      assertThat(pooled.leadsTo(pair.target())).isTrue();
    }
  }

  @Test
  void doesNotLeaveAPoolerPausedThatCouldNotBePointed() throws Exception {
    try (PooledWorld pooled = PooledWorld.unconnected(pair)) {
      World world = pooled.world();
      world.switchover().handOver(world.to(Side.TARGET));
      pooled.connected();
      try (Connection reader = DriverManager.getConnection(pooled.pooler().jdbcUrl(), "app", "");
          Statement statement = reader.createStatement()) {
        reader.setAutoCommit(false);
        statement.execute("SELECT count(*) FROM entry");

        assertThatThrownBy(() -> world.switchover().settle(world.to(Side.TARGET)))
            .hasMessageContaining("could not be pointed to the target");
      }

      assertThat(pooled.leadsTo(pair.source())).isTrue();
      world.switchover().settle(world.to(Side.TARGET));
      assertThat(pooled.leadsTo(pair.target())).isTrue();
    }
  }
}
