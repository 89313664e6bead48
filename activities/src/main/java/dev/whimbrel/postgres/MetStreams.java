package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Failures.Help;
import dev.whimbrel.activity.Move;
import dev.whimbrel.postgres.CopyStages.Stage;
import io.temporal.failure.ApplicationFailure;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Optional;

/** Two streams that have met, while the one that goes on for both has not begun. */
final class MetStreams {
  private static final Duration ANSWER = Duration.ofSeconds(5);

  private final Databases databases;
  private final Move move;

  MetStreams(Databases databases, Move move) {
    this.databases = databases;
    this.move = move;
  }

  /** A joining's failure; where both streams are disabled by now, it says so. */
  RuntimeException saidWith(RuntimeException failure) {
    if (!(failure instanceof ApplicationFailure known) || !standStill()) {
      return failure;
    }
    String words =
        known.getOriginalMessage()
            + "; both streams have met, and WHAT IS LIVE STANDS STILL until one goes on for both";
    if (Failures.TRANSIENT.equals(known.getType())) {
      return Failures.transientFailure(words);
    }
    Help help = Failures.carried(known);
    return Failures.NEEDS_HELP.equals(known.getType())
        ? Failures.needsHelp(words, help.remedy(), help.command())
        : failure;
  }

  private boolean standStill() {
    String application = Names.applicationName(move.migration(), "look-at-streams");
    try (Connection target = databases.open(move.target(), application, ANSWER)) {
      CopyStages stages = new CopyStages(target);
      Optional<Stage> current = stages.current();
      return current.isPresent()
          && (stages.meeting().isPresent()
              || (current.get().joined()
                  && !new ForwardSubscriber(target, new Names(move.migration())).exists()));
    } catch (SQLException | RuntimeException e) {
      return false; // nobody knows: the failure itself is told
    }
  }
}
