package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.runbook.Connect;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.PgBouncer;
import dev.whimbrel.servers.Program;
import dev.whimbrel.servers.Relay;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

@Needs(Program.PGBOUNCER)
class PoolerConsoleTest {
  private static final String DONE = "done";
  private static final Duration LIMIT = Duration.ofSeconds(5);
  private static final Duration ROUND_TRIP = Duration.ofSeconds(1);

  @Test
  void sendsSeveralCommandsInOneRoundTripAndTellsWhichWasRefused() throws Exception {
    try (PgBouncer pooler = PgBouncer.to(1, "shop").start();
        Relay wire = Relay.to(pooler.port());
        PoolerConsole console = console(wire)) {
      console.run(LIMIT, "PAUSE \"shop\"");
      wire.delay(ROUND_TRIP.dividedBy(2));
      long began = System.nanoTime();
      List<String> answers =
          texts(
              console.run(
                  LIMIT, "RELOAD", "SET nothing = 1", Pooler.NO_LOGIN_RETRY, "RESUME \"shop\""));
      Duration took = Duration.ofNanos(System.nanoTime() - began);
      wire.delay(Duration.ZERO);

      assertThat(took).isBetween(ROUND_TRIP, ROUND_TRIP.multipliedBy(2));
      assertThat(answers).element(1).asString().contains("SET failed");
      assertThat(answers).filteredOn(DONE::equals).hasSize(3);
      assertThat(pooler.command("SHOW CONFIG"))
          .anyMatch(row -> row.get(0).equals("server_login_retry") && row.get(1).equals("0"));
    }
  }

  @Test
  void countsWhatIsSoAlreadyAsDone() throws Exception {
    try (PgBouncer pooler = PgBouncer.to(1, "shop").start();
        Relay wire = Relay.to(pooler.port());
        PoolerConsole console = console(wire)) {
      console.run(LIMIT, "RESUME \"shop\"");
      console.run(LIMIT, "PAUSE \"shop\"");
      console.run(LIMIT, "PAUSE \"shop\"");

      List<String> answers =
          texts(console.run(LIMIT, "RESUME \"shop\"", "RELOAD", "RESUME \"shop\""));

      assertThat(answers).startsWith(DONE, DONE);
      assertThat(answers.get(2)).contains("is not paused");
    }
  }

  private static List<String> texts(List<SQLException> answers) {
    return answers.stream().map(answer -> answer == null ? DONE : answer.getMessage()).toList();
  }

  private static PoolerConsole console(Relay wire) {
    return new PoolerConsole(
        new Connect.PgBouncer(
            "postgresql://admin@127.0.0.1:%d/pgbouncer".formatted(wire.port()),
            null,
            "shop",
            new Connect.Switch("/nowhere", null)),
        new Secrets());
  }
}
