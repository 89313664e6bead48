package dev.whimbrel.lab;

import dev.whimbrel.migration.MigrationResult.Ending;
import java.io.PrintStream;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * How the demo ended.
 *
 * @param result how the migration ended
 * @param wanted how it was meant to end
 * @param judgement what the ledger found in the database that is the truth now
 * @param clientErrors errors that clients saw
 * @param pause the longest time without an acknowledged write, from the switchover on
 */
record DemoResult(
    @Nullable Ending result, Ending wanted, Judgement judgement, int clientErrors, Duration pause) {

  /** Whether it ended as wanted and the database is what clients were told. */
  boolean good() {
    return result == wanted && judgement.wrongs().isEmpty();
  }

  void print(PrintStream out) {
    out.printf(
        """

        Result                %s
        Write pause           %d ms, as the clients saw it
        Writes acknowledged   %,d
        Writes lost           %d
        Client errors         %d
        """,
        result, pause.toMillis(), judgement.acknowledged(), judgement.lost().size(), clientErrors);
    judgement.wrongs().stream().limit(20).forEach(wrong -> out.println("  " + wrong));
  }

  /** One document, as scripts read it. */
  String json() {
    return """
    {"result": "%s", "acknowledgedWrites": %d, "lostWrites": %d, "clientErrors": %d, "writePauseMillis": %d}"""
        .formatted(
            result,
            judgement.acknowledged(),
            judgement.lost().size(),
            clientErrors,
            pause.toMillis());
  }
}
