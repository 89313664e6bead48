package dev.whimbrel.migration;

import static dev.whimbrel.migration.Timeouts.call;

import dev.whimbrel.activity.Checks;
import dev.whimbrel.activity.CloneReport;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Failures.Help;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.SuiteClone;
import dev.whimbrel.activity.SuiteClones;
import dev.whimbrel.activity.SuiteRequest;
import dev.whimbrel.copy.CloneResult;
import dev.whimbrel.copy.CloneStart;
import dev.whimbrel.copy.CloneWorkflow;
import dev.whimbrel.runbook.SuiteSpec;
import dev.whimbrel.runbook.ThrottleSpec;
import io.temporal.api.enums.v1.ParentClosePolicy;
import io.temporal.api.enums.v1.TimeoutType;
import io.temporal.failure.ActivityFailure;
import io.temporal.failure.ApplicationFailure;
import io.temporal.failure.TemporalFailure;
import io.temporal.failure.TimeoutFailure;
import io.temporal.workflow.CancellationScope;
import io.temporal.workflow.ChildWorkflowCancellationType;
import io.temporal.workflow.ChildWorkflowOptions;
import io.temporal.workflow.Workflow;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Runs a suite that writes, on a clone of the target that nobody else uses, and drops the clone
 * whatever happens. Each run has a clone of its own, with a mark of its own.
 */
final class SuiteOnClone {
  /** Clones for one suite before a person is asked: each worker that dies under it costs one. */
  private static final int CLONES = 3;

  private static final Set<String> SAID_BY_THE_SUITE = Set.of(Failures.NEEDS_HELP, Failures.DEFECT);

  private static final int MARK = 8;
  private static final int SHOWN = 5;
  private static final String ID_INFIX = "-suite-";

  private final Migration migration;
  private @Nullable Outcome green;
  private boolean left;

  SuiteOnClone(Migration migration) {
    this.migration = migration;
  }

  void run() {
    SuiteSpec suite = migration.runbook.validate().suite();
    if (suite == null || !known()) {
      migration.board.notConfigured(Step.SUITE);
      return;
    }
    migration.undo.tidying(Step.DROP_SUITE, step -> clones(step).dropSuiteClones(migration.move));
    migration.steps.run(Step.SUITE, step -> run(step, suite));
  }

  /** A worker of an older release, which knows no suite, may have gone past this. */
  private static boolean known() {
    return Workflow.getVersion("suite", Workflow.DEFAULT_VERSION, 1) == 1;
  }

  private Outcome run(Step step, SuiteSpec suite) {
    if (left) {
      clones(step).dropSuiteClones(migration.move);
      left = false;
    }
    for (int number = 1; green == null; number++) {
      SuiteClone clone = new SuiteClone(migration.move, mark());
      TemporalFailure failure = failureOf(() -> green = onClone(step, suite, clone));
      TemporalFailure notDropped = drop(step, clone);
      CancellationScope.throwCanceled();
      if (notDropped != null) {
        left = true;
        throw leftBehind(step, clone, failure, notDropped);
      }
      if (failure != null && (!isOfItsWorker(failure) || number == CLONES)) {
        throw failure;
      }
    }
    return Objects.requireNonNull(green);
  }

  private Outcome onClone(Step step, SuiteSpec suite, SuiteClone clone) {
    clones(step).createSuiteClone(clone);
    CloneReport report = brought(clone(step, clone));
    clones(step).readySuiteClone(clone);

    Outcome ended =
        call(Checks.class, Timeouts.suite(suite.timeout()), step)
            .runSuite(new SuiteRequest(clone, suite));
    return new Outcome(
        "%s; on a clone of %,d rows in %d tables%s"
            .formatted(ended.line(), report.rows(), report.tables(), without(report)));
  }

  /** Copies the target, as one snapshot of it shows it, by a workflow of its own. */
  private CloneResult clone(Step step, SuiteClone clone) {
    ChildWorkflowOptions options =
        ChildWorkflowOptions.newBuilder()
            .setWorkflowId(
                MigrationWorkflow.ID_PREFIX + migration.move.migration() + ID_INFIX + clone.mark())
            .setStaticSummary(step.label())
            .setCancellationType(ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED)
            .setParentClosePolicy(ParentClosePolicy.PARENT_CLOSE_POLICY_REQUEST_CANCEL)
            .build();
    CloneStart start =
        new CloneStart(
            migration.move.migration(),
            migration.move.target(),
            clone.postgres(),
            migration.move.jobs(),
            rate(migration.move.throttle()),
            false,
            migration.runbook.validate().hash(),
            // The replica has what moves, and nothing else.
            null);
    return Workflow.newChildWorkflowStub(CloneWorkflow.class, options).make(start);
  }

  /** How many sessions may be at work is said of the source, and the clone's is the target. */
  private static @Nullable ThrottleSpec rate(@Nullable ThrottleSpec throttle) {
    return throttle == null || throttle.rate() == null
        ? null
        : new ThrottleSpec(throttle.rate(), null);
  }

  private static CloneReport brought(CloneResult result) {
    CloneReport report = result.report();
    if (report != null) {
      return report;
    }
    String why =
        result.ending() == CloneResult.Ending.REFUSED
            ? result.findings().stream()
                .filter(finding -> finding.level() == Finding.Level.BLOCKER)
                .map(Finding::line)
                .collect(Collectors.joining(" "))
            : result.line();
    throw Failures.needsHelp(
        "Cannot clone the target for the suite: " + why,
        "Mend what is named, then retry; or skip the suite.",
        result.command());
  }

  private static String without(CloneReport report) {
    List<String> all =
        report.leftOut().stream()
            .filter(line -> !line.startsWith("values of sequences"))
            .filter(line -> !line.startsWith("subscription whimbrel_"))
            .toList();
    return all.isEmpty()
        ? ""
        : "; without "
            + String.join("; ", all.subList(0, Math.min(SHOWN, all.size())))
            + (all.size() > SHOWN ? "; and %d more".formatted(all.size() - SHOWN) : "");
  }

  /** What was made is dropped also where the migration goes back, or on without the suite. */
  private @Nullable TemporalFailure drop(Step step, SuiteClone clone) {
    TemporalFailure[] failure = new TemporalFailure[1];
    Workflow.newDetachedCancellationScope(
            () -> failure[0] = failureOf(() -> clones(step).dropSuiteClone(clone)))
        .run();
    return failure[0];
  }

  private static @Nullable TemporalFailure failureOf(Runnable work) {
    try {
      work.run();
      return null;
    } catch (TemporalFailure e) {
      return e;
    }
  }

  private static ApplicationFailure leftBehind(
      Step step, SuiteClone clone, @Nullable TemporalFailure failure, TemporalFailure notDropped) {
    Help drop = Judgement.help(step, notDropped);
    String suite = failure == null ? "The suite was green" : Judgement.help(step, failure).cause();
    return Failures.needsHelp(
        "%s; its clone %s could not be dropped: %s"
            .formatted(suite, clone.database(), drop.cause()),
        "See who uses it, then retry%s. Where that is skipped, the end of the migration tries once more."
            .formatted(failure == null ? ", which only drops it" : ""),
        "DROP DATABASE IF EXISTS %s WITH (FORCE);".formatted(clone.database()));
  }

  /**
   * Its worker died, was stopped or does not know it: what the suite has written by then is of no
   * use to the next. Only what the activity says on purpose is of the suite itself.
   */
  private static boolean isOfItsWorker(TemporalFailure failure) {
    if (!(failure instanceof ActivityFailure activity)
        || !activity.getActivityType().equals("RunSuite")) {
      return false;
    }
    return activity.getCause() instanceof ApplicationFailure cause
        ? !SAID_BY_THE_SUITE.contains(cause.getType())
        : activity.getCause() instanceof TimeoutFailure timeout
            && timeout.getTimeoutType() == TimeoutType.TIMEOUT_TYPE_HEARTBEAT;
  }

  private static String mark() {
    return Workflow.randomUUID().toString().replace("-", "").substring(0, MARK);
  }

  private static SuiteClones clones(Step step) {
    return call(SuiteClones.class, Timeouts.CATALOG, step);
  }
}
