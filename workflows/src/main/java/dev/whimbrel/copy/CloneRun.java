package dev.whimbrel.copy;

import static dev.whimbrel.copy.CopyTimeouts.LIST;
import static dev.whimbrel.copy.CopyTimeouts.LOOK;
import static dev.whimbrel.copy.CopyTimeouts.WORK;
import static dev.whimbrel.copy.CopyTimeouts.labelled;

import dev.whimbrel.activity.CloneLook;
import dev.whimbrel.activity.CloneReport;
import dev.whimbrel.activity.Cloning;
import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Failures.Help;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Move;
import dev.whimbrel.copy.CloneResult.Ending;
import io.temporal.failure.ActivityFailure;
import io.temporal.failure.ApplicationFailure;
import io.temporal.failure.TemporalFailure;
import io.temporal.workflow.CancellationScope;
import io.temporal.workflow.Workflow;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** The clone, as {@link CloneWorkflow} describes it. */
public final class CloneRun implements CloneWorkflow {
  /** The first, and how often it may begin anew: a source that loses more needs a person first. */
  static final int SNAPSHOTS = 4;

  private static final Duration BEFORE_THE_NEXT = Duration.ofSeconds(5);

  private final long begun = Workflow.currentTimeMillis();
  private final List<String> done = new ArrayList<>();
  private final List<String> warnings = new ArrayList<>();
  private String step = "looking at both databases";

  @Override
  public CloneStatus status() {
    return new CloneStatus(step, List.copyOf(done), List.copyOf(warnings));
  }

  @Override
  public CloneResult make(CloneStart start) {
    Move move = start.move(Workflow.getInfo().getFirstExecutionRunId());
    List<CloneLook> looked = new ArrayList<>(1);
    CloneResult result;
    try {
      CloneLook look =
          labelled(Cloning.class, LOOK, "clone.preflight: look at both databases")
              .lookBeforeCloning(move);
      looked.add(look);
      look.findings().stream()
          .filter(each -> each.level() == Finding.Level.WARNING)
          .forEach(each -> warnings.add(each.check() + ": " + each.line()));
      result = look.blockers().isEmpty() ? make(start, move, look) : refused(look);
    } catch (TemporalFailure e) {
      result = cleanedUp(move, e, looked);
    }
    if (CancellationScope.current().isCancelRequested()) {
      Workflow.upsertMemo(Map.of(ENDED_AS, result));
    }
    return result;
  }

  private CloneResult make(CloneStart start, Move move, CloneLook look) {
    begin("claiming the target");
    labelled(Cloning.class, LIST, "clone.claim: the target is this clone's").claimForClone(move);
    for (int number = 1; ; number++) {
      CloneGeneration generation =
          new CloneGeneration(start, new CopyRequest(move, number), this::begin);
      generation.run();
      CloneReport report = generation.report();
      if (report != null) {
        return released(move, look, report, generation);
      }
      begin("snapshot %d is lost: %s".formatted(number, generation.why()));
      if (number == SNAPSHOTS) {
        throw Failures.needsHelp(
            "The snapshot was lost %d times; the last time: %s"
                .formatted(SNAPSHOTS, generation.why()),
            "see what ends it on the source, then run the clone again",
            null);
      }
      Workflow.sleep(BEFORE_THE_NEXT);
    }
  }

  /** From here on nothing is taken back: the clone is complete. */
  private CloneResult released(
      Move move, CloneLook look, CloneReport report, CloneGeneration generation) {
    begin("letting go of snapshot and target");
    List<String> leftOver = new ArrayList<>();
    apart(
        () -> labelled(Cloning.class, WORK, "clone.release: let go").releaseClone(move),
        leftOver,
        "not let go of, look on the target for schema whimbrel (DROP SCHEMA whimbrel CASCADE;)");
    return new CloneResult(
        Ending.CLONED,
        "%,d rows in %d tables, as of snapshot %s, taken at %s"
            .formatted(report.rows(), report.tables(), report.snapshot(), report.takenAt()),
        null,
        null,
        seconds(),
        look.findings(),
        report,
        generation.verification(),
        leftOver);
  }

  private CloneResult refused(CloneLook look) {
    return new CloneResult(
        Ending.REFUSED,
        "%d blockers; nothing was changed".formatted(look.blockers().size()),
        "mend what they name, then run the clone again",
        null,
        seconds(),
        look.findings(),
        null,
        null,
        List.of());
  }

  private CloneResult cleanedUp(Move move, TemporalFailure failure, List<CloneLook> looked) {
    boolean cancelled = CancellationScope.current().isCancelRequested();
    List<String> leftOver = new ArrayList<>();
    Help help = help(failure);
    if (!looked.isEmpty()) {
      begin(cancelled ? "cancelled: dropping what was brought" : "dropping what was brought");
      apart(
          () -> labelled(Cloning.class, WORK, "clone.drop: what was brought").dropClone(move),
          leftOver,
          "not tidied, look on the target for what this clone brought (drop the database, or what it holds with schema whimbrel)");
    }
    return new CloneResult(
        cancelled ? Ending.CANCELLED : Ending.FAILED,
        cancelled ? "cancelled while it was " + lastStep() : help.cause(),
        cancelled ? null : help.remedy(),
        cancelled ? null : help.command(),
        seconds(),
        looked.isEmpty() ? List.of() : looked.get(0).findings(),
        null,
        null,
        leftOver);
  }

  /** Does something that is not cancelled, and notes what is left where it fails. */
  private static void apart(Runnable work, List<String> leftOver, String left) {
    Workflow.newDetachedCancellationScope(
            () -> {
              try {
                work.run();
              } catch (TemporalFailure e) {
                leftOver.add("%s: %s".formatted(left, help(e).cause()));
              }
            })
        .run();
  }

  private void begin(String next) {
    done.add(step);
    step = next;
    CloneGeneration.describe(next);
  }

  private String lastStep() {
    return done.isEmpty() ? step : done.get(done.size() - 1);
  }

  private long seconds() {
    return (Workflow.currentTimeMillis() - begun) / 1000;
  }

  private static Help help(TemporalFailure failure) {
    Throwable origin = failure;
    while (origin instanceof ActivityFailure && origin.getCause() != null) {
      origin = origin.getCause();
    }
    if (origin instanceof ApplicationFailure application) {
      return Failures.NEEDS_HELP.equals(application.getType())
          ? Failures.carried(application)
          : new Help(
              application.getOriginalMessage(),
              Failures.TRANSIENT.equals(application.getType())
                  ? "it did not go away by itself: mend it, then run the clone again"
                  : "please report this with the worker's log",
              null);
    }
    return new Help(
        "it did not end: " + String.valueOf(origin.getMessage()),
        "see whether a worker runs and reaches both databases, then run the clone again",
        "whimbrel worker");
  }
}
