package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import io.temporal.failure.ApplicationFailure;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;

/** Alone, since it kills every {@code pg_dump} and {@code pg_restore} of its process. */
@Isolated
@Needs(Program.PG_DUMP)
class SchemaKillTest {
  private final PostgresSchema schema = new PostgresSchema(new Secrets());

  @Test
  void goesOnBehindAnAttemptThatWasKilledHalfWay() throws Exception {
    try (Pairs pair = Pairs.of(15, 15)) {
      killHalfWay(pair);
    }
  }

  private void killHalfWay(Pairs pair) throws Exception {
    Move move = pair.database("killed");
    Corpus.load(pair.source(), "killed", "pagila");
    for (int round = 0; round < 8; round++) {
      CompletableFuture<Outcome> attempt =
          CompletableFuture.supplyAsync(
              () -> {
                schema.createTables(move);
                schema.createKeys(move);
                return schema.createRest(move);
              });
      int later = 30 + 60 * round;
      Thread.sleep(later);
      ProcessHandle.current()
          .descendants()
          .filter(child -> child.info().command().orElse("").matches(".*/pg_(dump|restore)"))
          .forEach(ProcessHandle::destroyForcibly);
      pair.target()
          .execute(
              "postgres",
              "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                  + " WHERE application_name LIKE 'whimbrel killed %'");
      assertThat(attempt.handle((outcome, failure) -> failure).get())
          .satisfiesAnyOf(
              f -> assertThat(f).isNull(),
              f -> assertThat(f).rootCause().isInstanceOf(ApplicationFailure.class));
    }

    schema.createTables(move);
    schema.createKeys(move);
    schema.createRest(move);

    assertThat(Corpus.schema(pair.target(), "killed")).isEqualTo(Corpus.reference(pair, "killed"));
  }
}
