package dev.whimbrel.cli;

import dev.whimbrel.migration.Approval;
import dev.whimbrel.migration.Decision;
import dev.whimbrel.migration.MigrationStatus;
import dev.whimbrel.migration.MigrationStatus.Findings;
import dev.whimbrel.migration.RollbackRequest;
import dev.whimbrel.migration.StepDecision;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The verbs by which people decide. */
final class Decisions {
  private Decisions() {}

  @Command(name = "approve", description = "Approve what the migration asks for, as it was shown.")
  static final class Approve extends Decide {
    @Option(
        names = "--findings",
        paramLabel = "HASH",
        description = "approve only these findings; those shown now when absent")
    @Nullable String findings;

    @Option(
        names = {"-y", "--yes"},
        description = "do not ask")
    boolean yes;

    Approve(Context context) {
      super(context);
    }

    @Override
    String update() {
      return "approve";
    }

    @Override
    Object request(Snapshot snapshot) {
      Findings shown = snapshot.status().findings();
      // What was printed is what is approved, also when it changes in between.
      String hash = findings != null ? findings : shown == null ? null : shown.hash();
      return new Approval(who(), reason, hash);
    }

    @Override
    boolean agreed(Snapshot snapshot) {
      Findings shown = snapshot.status().findings();
      if (shown == null || findings != null) {
        return true;
      }
      console().err().println("To approve (" + StatusText.shortHash(shown.hash()) + "):");
      shown.lines().forEach(line -> console().err().println("  " + line));
      return yes || !console().terminal() || console().confirms("Approve?");
    }

    @Override
    String intent(Snapshot snapshot) {
      Findings shown = snapshot.status().findings();
      if (shown == null) {
        return "approve, which is refused: nothing is waiting for an approval now.";
      }
      if (findings != null && !shown.hash().startsWith(findings)) {
        return "approve, which is refused: the findings are "
            + StatusText.shortHash(shown.hash())
            + " now.";
      }
      return "approve " + shown.lines().size() + " findings: " + String.join(" · ", shown.lines());
    }
  }

  /** A verb that carries who and why, and nothing else. */
  abstract static class Plain extends Decide {
    private final String update;
    private final String intent;

    Plain(Context context, String update, String intent) {
      super(context);
      this.update = update;
      this.intent = intent;
    }

    @Override
    String update() {
      return update;
    }

    @Override
    Object request(Snapshot snapshot) {
      return new Decision(who(), reason);
    }

    @Override
    String intent(Snapshot snapshot) {
      return intent;
    }
  }

  @Command(name = "reject", description = "Reject what the migration asks for.")
  static final class Reject extends Plain {
    Reject(Context context) {
      super(context, "reject", "reject; the migration waits for a rollback or a new approval.");
    }
  }

  @Command(
      name = "pause",
      description = "Stop further steps; guards, streams and the rollback window go on.")
  static final class Pause extends Plain {
    Pause(Context context) {
      super(context, "pause", "stop further steps; guards, streams and the window go on.");
    }
  }

  @Command(name = "resume", description = "Go on after a pause.")
  static final class Resume extends Plain {
    Resume(Context context) {
      super(context, "resume", "go on with the next step.");
    }
  }

  @Command(
      name = "abandon",
      description = "End the migration where it stands, leaving the world as it is.")
  static final class Abandon extends Plain {
    @Option(
        names = {"-y", "--yes"},
        description = "do not ask")
    boolean yes;

    Abandon(Context context) {
      super(
          context,
          "abandon",
          "end here and leave everything as it is, streams and slots too; a source closed for a copy is opened.");
    }

    @Override
    boolean agreed(Snapshot snapshot) {
      if (yes || !console().terminal()) {
        return true;
      }
      console().err().println(StatusText.headline(snapshot, console().zone()));
      console()
          .err()
          .println(
              "Nothing is undone: slots, streams and TTLs stay, and a slot keeps WAL for ever. Only a source that is closed for an offline copy is opened.");
      return console().confirms("Abandon " + name + "?");
    }
  }

  /** A verb about a parked step. */
  abstract static class OnStep extends Decide {
    @Option(
        names = "--step",
        paramLabel = "STEP",
        description = "the step's id, as status shows it")
    @Nullable String step;

    private final String update;

    OnStep(Context context, String update) {
      super(context);
      this.update = update;
    }

    @Override
    String update() {
      return update;
    }

    @Override
    Object request(Snapshot snapshot) {
      return new StepDecision(who(), reason, step);
    }

    @Override
    String intent(Snapshot snapshot) {
      return update + " " + (step == null ? "every parked step." : step + ".");
    }
  }

  @Command(name = "retry", description = "Try a parked step again; all of them when none is named.")
  static final class Retry extends OnStep {
    Retry(Context context) {
      super(context, "retry");
    }
  }

  @Command(name = "skip", description = "Go on without a parked step, where that is allowed.")
  static final class Skip extends OnStep {
    Skip(Context context) {
      super(context, "skip");
    }
  }

  @Command(
      name = "rollback",
      description = "Go back to the source. On a terminal shows what that means, and asks.")
  static final class Rollback extends Decide {
    @Option(
        names = {"-y", "--yes"},
        description = "do not ask")
    boolean yes;

    @Option(
        names = "--accept-loss",
        description =
            "go back although the target cannot be reached: its writes that have not arrived on the"
                + " source are lost")
    boolean acceptLoss;

    Rollback(Context context) {
      super(context);
    }

    @Override
    String update() {
      return "requestRollback";
    }

    @Override
    String verb() {
      return "rollback";
    }

    @Override
    Object request(Snapshot snapshot) {
      return new RollbackRequest(who(), reason, acceptLoss);
    }

    @Override
    String intent(Snapshot snapshot) {
      return intent(snapshot.status(), acceptLoss);
    }

    static String intent(MigrationStatus status, boolean acceptLoss) {
      boolean onTarget = !status.writesGoTo().equals("source");
      List<String> staying = onTarget ? status.rollback().without() : List.of();
      return (onTarget
              ? "hand the writes back to the source (writes pause for a moment), then point names back"
              : "the source keeps the writes; what was built on the target and the streams is undone")
          + (staying.isEmpty()
              ? ""
              : "; what was written to %s on the target does not come back, and the target is kept, closed, for it"
                  .formatted(String.join(", ", staying)))
          + (acceptLoss
              ? "; AND ACCEPT THE LOSS of writes on the target that have not arrived on the source."
              : ".");
    }

    @Override
    boolean agreed(Snapshot snapshot) {
      if (yes || !console().terminal()) {
        return true;
      }
      console().err().println(StatusText.headline(snapshot, console().zone()));
      console().err().println("What it does: " + intent(snapshot));
      return console().confirms("Roll back " + name + "?");
    }

    @Override
    Integer withoutWorker(Temporal temporal, Snapshot snapshot) {
      new Updates(temporal).signalRollback(name, new RollbackRequest(who(), reason, acceptLoss));
      console()
          .err()
          .println(
              snapshot.status().state()
                  + ": nobody can answer now. The request is kept by Temporal and is honoured as soon"
                  + " as a worker with working code is up: `whimbrel worker`.");
      return answered("Rollback of " + name + " is asked for");
    }
  }
}
