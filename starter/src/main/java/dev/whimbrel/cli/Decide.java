package dev.whimbrel.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.whimbrel.migration.MigrationStatus.State;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** A verb that tells a migration what a person decided. */
abstract class Decide extends Verb {
  @Parameters(index = "0", paramLabel = "NAME", description = "the migration's name")
  String name = "";

  @Option(
      names = "--by",
      paramLabel = "WHO",
      description = "who decides; the OS user when absent. Shown as claimed: nobody checks it")
  @Nullable String by;

  @Option(names = "--reason", paramLabel = "TEXT", description = "why; kept in the history")
  @Nullable String reason;

  @Option(names = "--dry-run", description = "say what would be sent, and send nothing")
  boolean dryRun;

  Decide(Context context) {
    super(context);
  }

  /** The update's name, which is the verb that a person reads as well. */
  abstract String update();

  /** What is sent. */
  abstract Object request(Snapshot snapshot);

  /** What the migration will do about it, for {@code --dry-run}. */
  abstract String intent(Snapshot snapshot);

  /** Shows and asks what must be shown and asked; false stops. */
  boolean agreed(Snapshot snapshot) {
    return true;
  }

  /** What to do when no worker can answer; refuses unless a verb can do better. */
  Integer withoutWorker(Temporal temporal, Snapshot snapshot) {
    throw new CannotDo(noWorker(snapshot));
  }

  @Override
  public Integer call() {
    try (Temporal temporal = context.connect()) {
      Snapshot snapshot = new Migrations(temporal).look(name);
      if (snapshot.status().state() == State.ENDED) {
        throw new CannotDo(
            "Cannot %s: the migration '%s' has ended (%s)."
                .formatted(
                    verb().equals("rollback") ? "roll back" : verb(),
                    name,
                    snapshot.status().result() == null
                        ? "without a result"
                        : snapshot.status().result()));
      }
      if (dryRun) {
        say("Dry run, nothing is sent. As " + who() + " (claimed): " + intent(snapshot));
        return answered(null, intent(snapshot));
      }
      if (!agreed(snapshot)) {
        console().err().println("Nothing was sent.");
        return ExitCode.FAILED;
      }
      if (!snapshot.answered()) {
        return withoutWorker(temporal, snapshot);
      }
      return after(temporal, new Updates(temporal).send(name, update(), request(snapshot)));
    }
  }

  /** What is done with the migration's answer: printed, unless a verb can do better. */
  Integer after(Temporal temporal, String answer) {
    return answered(answer);
  }

  Integer answered(String answer) {
    return answered(answer, null);
  }

  /** Prints an answer, or, after a dry run, what would be asked for. */
  private Integer answered(@Nullable String answer, @Nullable String would) {
    if (json()) {
      ObjectNode document = Json.MAPPER.createObjectNode();
      document.put("name", name).put("verb", verb()).put("by", who()).put("dryRun", dryRun);
      document.put("answer", answer);
      if (would != null) {
        document.put("would", would);
      }
      Json.print(console(), document);
    } else if (answer != null) {
      console().out().println(answer + " (as " + who() + ", claimed)");
    }
    return ExitCode.DONE;
  }

  String verb() {
    return update();
  }

  String who() {
    return by == null || by.isBlank() ? context.user() : by;
  }

  String noWorker(Snapshot snapshot) {
    if (snapshot.status().state() == State.ENGINE_STUCK) {
      return "ENGINE_STUCK: %s Nothing was sent.".formatted(snapshot.trouble());
    }
    return "NO_WORKER: no worker answers for '%s' (task queue %s), so nothing was sent. Fix: start one with `whimbrel worker`."
        .formatted(name, context.taskQueue());
  }
}
