package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Readiness;
import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.PeerSpec;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.servers.PostgresServer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;

/** States of the servers that a switchover must notice, mend or survive. */
@Isolated("the pause is held to a limit")
class SwitchoverEdgesTest {
  private static Pairs pair;

  @BeforeAll
  static void start() {
    pair =
        new Pairs(
            PostgresServer.start(15),
            PostgresServer.version(16).set("max_slot_wal_keep_size", "1MB").start());
  }

  @AfterAll
  static void stop() {
    pair.close();
  }

  @Test
  void refusesATableThatTheStreamLeavesOut() throws Exception {
    try (World world = new World(pair)) {
      for (Side side : Side.values()) {
        world
            .server(side)
            .execute(
                world.name(),
                "SET whimbrel.same_change = on",
                "CREATE TABLE lonely (id int PRIMARY KEY)");
      }
      world.prepared();
      pair.source().execute(world.name(), "INSERT INTO lonely VALUES (1)");

      assertThatThrownBy(() -> world.switchover().handOver(world.to(Side.TARGET)))
          .hasMessageContaining("leaves out public.lonely, whose writes would be lost")
          .hasMessageContaining("publication whimbrel_" + world.name() + "_forward");
      pair.source()
          .execute(
              world.name(),
              "ALTER PUBLICATION whimbrel_%s_forward ADD TABLE lonely".formatted(world.name()));
      assertThatThrownBy(() -> world.switchover().handOver(world.to(Side.TARGET)))
          .hasMessageContaining("leaves out public.lonely")
          .hasMessageContaining("subscription whimbrel_" + world.name() + "_forward");
    }
  }

  /**
   * A stream in the middle of a transaction over several tables: whoever locked them one after the
   * other in one transaction would meet it in a deadlock.
   */
  @Test
  @Timeout(60)
  void closesWhatIsOpenOnTheTargetWithoutTheTablesThatItsStreamHolds() throws Exception {
    try (World world = new World(pair);
        Connection target = world.connect(Side.TARGET);
        Connection stream = world.connect(Side.TARGET)) {
      pair.target()
          .execute(
              world.name(),
              "DROP EVENT TRIGGER whimbrel_ddl",
              "ALTER TABLE \"Übung x\" DISABLE TRIGGER whimbrel_fence");
      stream.setAutoCommit(false);
      stream.createStatement().execute("LOCK TABLE entry, counter IN ROW EXCLUSIVE MODE");

      Readiness ready = world.switchover().prepareSwitchover(world.move());

      assertThat(ready.canGoBack()).as(ready.findings().toString()).isTrue();
      assertThat(Fence.notClosed(target)).isEmpty();
    }
  }

  @Test
  void makesTheBaseSlotAnewWhenTheServerHasInvalidatedIt() throws Exception {
    try (World world = new World(pair).prepared()) {
      String slot = "whimbrel_" + world.name() + "_base";
      Wait.until(
          "the base slot is lost",
          Duration.ofSeconds(60),
          () -> {
            pair.target()
                .execute(
                    world.name(),
                    "SELECT pg_logical_emit_message(false, 'x', 'y')",
                    "SELECT pg_switch_wal()",
                    "CHECKPOINT");
            return Pairs.value(
                    pair.target(),
                    world.name(),
                    "SELECT wal_status FROM pg_replication_slots WHERE slot_name = '" + slot + "'")
                .equals("lost");
          });

      Readiness again = world.switchover().prepareSwitchover(world.move());
      HandOver there = world.switchover().handOver(world.to(Side.TARGET));
      HandOver back = world.switchover().settle(world.to(Side.SOURCE));

      assertThat(again.canGoBack()).as(again.findings().toString()).isTrue();
      assertThat(there.canGoBack()).isTrue();
      assertThat(back.writesGoTo()).isEqualTo(Side.SOURCE);
    }
  }

  @Test
  void revokesConnectAlsoWhereAGroupGrantsIt() throws Exception {
    try (World world = new World(pair).prepared()) {
      pair.source()
          .execute(
              world.name(),
              "CREATE ROLE staff",
              "CREATE ROLE clerk LOGIN IN ROLE staff",
              "GRANT CONNECT ON DATABASE %s TO staff".formatted(world.name()));
      world.switchover().handOver(world.to(Side.TARGET));
      world.switchover().stopReverse(world.move());

      world.switchover().cleanUp(world.move());

      assertThatThrownBy(() -> pair.source().connect(world.name(), "clerk", null).close())
          .hasMessageContaining("permission denied for database");
    }
  }

  @Test
  void keepsThePasswordOfTheWayBackOutOfTheSourcesLog(@TempDir Path directory) throws Exception {
    Path password = Files.writeString(directory.resolve("password"), "peer-s3cret");
    try (World world = new World(pair)) {
      Move move = world.move();
      Move unreachable =
          new Move(
              move.migration(),
              move.source(),
              new PostgresSpec(
                  move.target().url(),
                  null,
                  new PeerSpec("postgresql://postgres@127.0.0.1:1/nowhere", "file:" + password),
                  null),
              move.connect(),
              move.leftBehind(),
              move.jobs(),
              move.maxLag());

      Readiness readiness = world.switchover().prepareSwitchover(unreachable);

      assertThat(readiness.canGoBack()).isFalse();
      assertThat(readiness.findings().toString()).doesNotContain("peer-s3cret");
      assertThat(Files.readString(pair.source().logFile())).doesNotContain("peer-s3cret");
      assertThat(List.of(readiness.line())).allMatch(line -> line.contains("NO WAY BACK"));
    }
  }
}
