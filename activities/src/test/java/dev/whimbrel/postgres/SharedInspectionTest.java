package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Side;
import dev.whimbrel.postgres.Inspected.ByHandStep;
import dev.whimbrel.postgres.Inspected.Way;
import dev.whimbrel.runbook.Runbook;
import dev.whimbrel.runbook.RunbookFile;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.PostgresServer;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;

/** What {@code inspect} prints where three streams share the tables, done by hand under load. */
@Isolated("both sides are closed for as long as a person needs")
class SharedInspectionTest {

  @Test
  void goesForwardByAllStreamsAndBackWithoutLosingAWrite() throws Exception {
    try (Pairs pair = Pairs.of(15, 16);
        World world = new World(pair, 3).prepared();
        Load load = world.load(3);
        HeldStreams late = new HeldStreams(pair.target(), world.name(), 3)) {
      Wait.until("writes flow", Duration.ofSeconds(20), () -> load.acknowledged() > 100);
      Way forward = look(world).ways().get(0);
      assertThat(forward.impossible()).isNull();
      pair.target().execute(world.name(), "ALTER SUBSCRIPTION " + third(world) + " DISABLE");
      assertThat(look(world).ways().get(0).impossible())
          .isEqualTo(
              "the stream to the target does not carry every table now (subscription %s)"
                  .formatted(third(world)));
      pair.target().execute(world.name(), "ALTER SUBSCRIPTION " + third(world) + " ENABLE");
      Wait.until(
          "all streams run",
          Duration.ofSeconds(30),
          () -> look(world).ways().get(0).impossible() == null);

      assertThat(look(world, 2).ways().get(0).impossible())
          .isEqualTo(
              "the target has subscription %s, and this runbook says replicate.subscriptions: 2: correct it, and inspect again"
                  .formatted(third(world)));

      // While one is late, whichever, the printed question says so, and the opening refuses.
      List<ByHandStep> steps = look(world).ways().get(0).steps();
      ByHandStep open =
          steps.stream()
              .filter(s -> s.what().startsWith("Open the target"))
              .findFirst()
              .orElseThrow();
      late.hold();
      for (ByHandStep step : steps) {
        if (step.untilTrue()) {
          assertThat(look(world, 2).ways().get(0))
              .satisfies(
                  finish -> {
                    assertThat(finish.title()).startsWith("Finish by hand");
                    assertThat(finish.impossible()).contains(third(world));
                  });
          for (Set<Integer> let : List.of(Set.<Integer>of(), Set.of(2), Set.of(1, 2))) {
            late.letOnly(let);
            assertThat(Pairs.value(pair.target(), world.name(), sql(step))).isEqualTo("f");
            assertThatThrownBy(() -> run(world, open))
                .hasMessageContaining("not everything has arrived");
            assertThat(writable(world)).isEqualTo("source");
          }
          late.letOnly(Set.of(1, 2, 3));
        }
        run(world, step);
      }
      assertThat(writable(world)).isEqualTo("target");
      assertThat(
              Pairs.value(
                  pair.target(),
                  world.name(),
                  "SELECT count(*) FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE datname = current_database() AND subenabled"))
          .isEqualTo("0");
      long before = load.acknowledged();
      Wait.until("writes flow", Duration.ofSeconds(20), () -> load.acknowledged() > before + 50);
      for (Way way : look(world).ways()) {
        if (way.title().startsWith("Back by hand")) {
          for (ByHandStep step : way.steps()) {
            run(world, step);
          }
        }
      }
      long again = load.acknowledged();
      Wait.until("writes flow", Duration.ofSeconds(20), () -> load.acknowledged() > again + 50);
      load.stop();

      try (Connection source = world.connect(Side.SOURCE)) {
        assertThat(load.faults(source)).isEmpty();
      }
    }
  }

  private static String writable(World world) throws SQLException {
    return Pairs.value(
        world.server(Side.TARGET), world.name(), "SELECT writable FROM whimbrel.authority");
  }

  private static String third(World world) {
    return "whimbrel_" + world.name() + "_forward_3";
  }

  private static Inspected look(World world) {
    return look(world, 3);
  }

  private static Inspected look(World world, int subscriptions) {
    Runbook runbook =
        RunbookFile.parse(
            """
            name: %s
            source: {postgres: {url: "%s"}}
            target: {postgres: {url: "%s"}}
            connect: [manual]
            replicate: {subscriptions: %d}
            """
                .formatted(
                    world.name(),
                    world.move().source().url(),
                    world.move().target().url(),
                    subscriptions));
    return new Inspection(new Secrets()).look(runbook);
  }

  private static String sql(ByHandStep step) {
    return String.valueOf(step.sql());
  }

  private static void run(World world, ByHandStep step) throws SQLException {
    if (step.sql() == null) {
      return;
    }
    Side on = "source".equals(step.on()) ? Side.SOURCE : Side.TARGET;
    PostgresServer server = world.server(on);
    if (step.untilTrue()) {
      Wait.until(
          step.what(),
          Duration.ofSeconds(30),
          () -> Pairs.value(server, world.name(), sql(step)).equals("t"));
      return;
    }
    try (Connection connection = server.connect(world.name());
        Statement statement = connection.createStatement()) {
      if (!step.what().startsWith("Carry the sequences over")) {
        statement.execute(sql(step));
        return;
      }
      try (ResultSet row = statement.executeQuery(sql(step))) {
        while (row.next()) {
          world.server(on.other()).execute(world.name(), row.getString(1));
        }
      }
    }
  }
}
