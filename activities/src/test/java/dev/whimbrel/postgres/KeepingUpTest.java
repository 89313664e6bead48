package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Side;
import dev.whimbrel.secrets.Secrets;
import java.sql.SQLException;
import java.time.Duration;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** While something else is watched, the other side does not fall behind in its large objects. */
class KeepingUpTest {
  private static final String ALL =
      "SELECT string_agg(oid || ' ' || convert_from(lo_get(oid), 'UTF8'), ', ' ORDER BY oid) FROM pg_largeobject_metadata";

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
  void bringsToTheTargetWhileTheHandOverIsAwaited() throws Exception {
    try (World world = new World(pair).prepared()) {
      pair.source().execute(world.name(), "SELECT lo_from_bytea(1, 'one')");
      Thread keeping =
          new Thread(
              () -> {
                try (Pulse pulse = new Pulse("keeping the base slot fresh")) {
                  new BaseSlot(new Databases(new Secrets()), world.move(), Pace.USUAL).keep(pulse);
                } catch (RuntimeException e) {
                  // It was interrupted.
                }
              });
      keeping.start();
      try {
        Wait.until(
            "the object is there",
            Duration.ofSeconds(20),
            () -> "1 one".equals(value(world, Side.TARGET)));
      } finally {
        keeping.interrupt();
        keeping.join();
      }
    }
  }

  /** What the source alone has may have been written too late: a person may want it. */
  @Test
  void bringsToTheSourceInTheWindowAndRemovesNothingThere() throws Exception {
    try (World world = new World(pair)) {
      pair.source()
          .execute(world.name(), "SELECT lo_from_bytea(1, 'one'), lo_from_bytea(2, 'two')");
      world.prepared().switchover().handOver(world.to(Side.TARGET));
      pair.target()
          .execute(
              world.name(),
              "SELECT lo_put(1, 0, 'new')",
              "SELECT lo_unlink(2)",
              "SELECT lo_from_bytea(3, 'three')");
      pair.source().execute(world.name(), "SELECT lo_from_bytea(77, 'late')");

      new WayBackWatch(new Databases(new Secrets()), world.move(), Pace.USUAL).look();

      assertThat(value(world, Side.SOURCE)).isEqualTo("1 new, 2 two, 3 three, 77 late");
      world.switchover().settle(world.to(Side.SOURCE));
      assertThat(value(world, Side.SOURCE)).isEqualTo("1 new, 3 three");
    }
  }

  private static String value(World world, Side side) throws SQLException {
    return Pairs.value(world.server(side), world.name(), ALL);
  }
}
