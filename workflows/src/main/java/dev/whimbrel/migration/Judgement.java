package dev.whimbrel.migration;

import dev.whimbrel.activity.DifferingRow;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Failures.Help;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.PreflightReport;
import dev.whimbrel.activity.UserReport;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.activity.Window;
import dev.whimbrel.runbook.CutoverSpec;
import io.temporal.failure.ActivityFailure;
import io.temporal.failure.ApplicationFailure;
import io.temporal.failure.ChildWorkflowFailure;
import io.temporal.failure.TemporalFailure;
import io.temporal.failure.TimeoutFailure;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** May we go on? Pure functions: nothing here waits, calls or remembers. */
final class Judgement {
  private Judgement() {}

  /** One TTL on the way down, and the TTL whose whole length must pass before it is in force. */
  record TtlStep(int ttl, Duration oldTtl) {}

  /** The TTLs to set, in order. A TTL that is not lower than the one before it is left out. */
  static List<TtlStep> ttlSteps(int found, List<Integer> lower) {
    List<TtlStep> steps = new ArrayList<>();
    int old = found;
    for (int ttl : lower) {
      if (ttl < old) {
        steps.add(new TtlStep(ttl, Duration.ofSeconds(old)));
        old = ttl;
      }
    }
    return steps;
  }

  /** Parks a preflight that found blockers, naming each with its fix. */
  static void refuseBlockers(String what, List<Finding> findings) {
    refuseBlockers(what, findings, "Mend each of them, then retry.");
  }

  /** Parks where somebody writes to the source whom nothing makes follow. */
  static void refuseLeftAlone(UserReport report) {
    refuseBlockers(
        "the look at who uses the source",
        report.findings(),
        "Stop each of them and take its login away, then retry, which looks again; or roll back and start again with a runbook that covers them. A skip is shown in capitals at the approval.");
  }

  private static void refuseBlockers(String what, List<Finding> findings, String remedy) {
    List<Finding> blockers =
        findings.stream().filter(f -> f.level() == Finding.Level.BLOCKER).toList();
    if (blockers.isEmpty()) {
      return;
    }
    String cause =
        blockers.stream()
            .map(f -> f.subject() + ": " + f.message())
            .collect(
                Collectors.joining(
                    "\n", what + " found " + count(blockers.size(), "blocker") + ":\n", ""));
    String fixes =
        blockers.stream()
            .map(Finding::fix)
            .filter(fix -> fix != null)
            .distinct()
            .collect(Collectors.joining("\n"));
    throw Failures.needsHelp(cause, remedy, fixes.isEmpty() ? null : fixes);
  }

  /** Why nothing can be compared now, or null where it can. */
  static @Nullable String cannotCompare(
      boolean copied, boolean goingBack, boolean switching, boolean followed, boolean wayBackGone) {
    if (!copied) {
      return "the copy is not whole yet. It can be compared from the end of replicate.catch-up to the end of the rollback window.";
    }
    if (wayBackGone) {
      return "the way back was dropped, so that nothing follows the target any more.";
    }
    if (goingBack) {
      return "the migration is going back.";
    }
    if (switching) {
      return "the writes are being handed over. Ask again when that has ended.";
    }
    return followed
        ? null
        : "no stream runs back to the source, so that nothing follows the target.";
  }

  /** Parks a verification that found differences. */
  static void refuseDifferences(VerificationReport report) {
    if (report.differences() == 0) {
      return;
    }
    String repair =
        report.differing().stream()
            .map(DifferingRow::repair)
            .filter(commands -> commands != null)
            .findFirst()
            .orElse(null);
    throw Failures.needsHelp(
        "The databases differ in "
            + count(report.differences(), "place")
            + ":\n"
            + String.join("\n", report.findings()),
        "Find out why, before anything else: who wrote to the target? Then repair it, and retry."
            + (repair == null
                ? ""
                : " The commands bring the first of these rows over: they take the target's fence off one table for one transaction. For others: whimbrel verify NAME --wait.")
            + " A skip is shown in capitals at the approval.",
        repair);
  }

  /** {@code verified 41 rows in 3 tables, 0 differences, 1 not compared}. */
  static String line(VerificationReport report) {
    return "%,d rows in %s, %s, %d in flux%s"
        .formatted(
            report.rows(),
            count(report.tables(), "table"),
            count(report.differences(), "difference"),
            report.inFlux(),
            report.notJudged().isEmpty() ? "" : ", " + report.notJudged().size() + " not compared");
  }

  /** The same of a comparison that no step has made. */
  static String taken(VerificationReport report, boolean byRounds) {
    Instant began = report.began();
    // What older rounds have told is as old as their beginning, anything else as its end.
    String when =
        began == null && !byRounds
            ? "finished at " + report.at()
            : "begun at " + (began == null ? report.at() : began);
    return "%s, by %s, %s"
        .formatted(
            line(report),
            byRounds ? Step.KEEP_VERIFYING.id() : "a comparison that was asked for",
            when);
  }

  /** {@code 3 users of the source seen, 0 left alone}. */
  static String line(UserReport report) {
    long leftAlone =
        report.findings().stream().filter(f -> f.level() != Finding.Level.NOTE).count();
    return "%s of the source seen, %,d left alone"
        .formatted(count(report.users().size(), "user"), leftAlone);
  }

  /** {@code 15.4 to 18.1, 3 warnings}. */
  static String line(PreflightReport report) {
    long warnings =
        report.findings().stream().filter(f -> f.level() == Finding.Level.WARNING).count();
    return "PostgreSQL %s to %s, no blocker, %s"
        .formatted(report.sourceVersion(), report.targetVersion(), count(warnings, "warning"));
  }

  /** Whether what a cutover needs still fits into an opening. */
  static boolean fits(Window window, Instant now, Duration needed) {
    return !now.isBefore(window.opens()) && !now.plus(needed).isAfter(window.closes());
  }

  /** Whether what a cutover needs can fit into an opening at all. */
  static boolean canFit(Window window, Duration needed) {
    return !Duration.between(window.opens(), window.closes()).minus(needed).isNegative();
  }

  /** Whether a verification is recent enough for a switchover. */
  static boolean isFresh(Instant verified, Instant now, CutoverSpec cutover) {
    return !verified.plus(cutover.evidenceMaxAge()).isBefore(now);
  }

  /** Whether an activity reported that it may succeed later; a dead worker is not that. */
  static boolean isTransient(TemporalFailure failure) {
    return isOf(Failures.TRANSIENT, failure);
  }

  /** Whether a switchover reported that its hand-over was sent and nothing was opened. */
  static boolean isUnfinished(TemporalFailure failure) {
    return isOf(Failures.UNFINISHED, failure);
  }

  /**
   * Whether a failed switchover has left open where writes go: only what says that nothing was
   * handed over, or that what was is settled, leaves the truth where it was.
   */
  static boolean leavesTheTruthOpen(TemporalFailure failure) {
    if (isTransient(failure)) {
      return false;
    }
    return !isOf(Failures.NEEDS_HELP, failure)
        || Failures.carried((ApplicationFailure) origin(failure)).bothMayBeClosed();
  }

  private static boolean isOf(String type, TemporalFailure failure) {
    return origin(failure) instanceof ApplicationFailure application
        && type.equals(application.getType());
  }

  /** What a person needs to know about a failed step. */
  static Help help(Step step, TemporalFailure failure) {
    return help(step.id(), failure);
  }

  /** As {@link #help(Step, TemporalFailure)}, for something without a step of its own. */
  static Help help(String id, TemporalFailure failure) {
    Throwable origin = origin(failure);
    if (origin instanceof ApplicationFailure application) {
      if (Failures.NEEDS_HELP.equals(application.getType())) {
        return Failures.carried(application);
      }
      if (isTransient(failure) || isUnfinished(failure)) {
        return new Help(
            application.getOriginalMessage(),
            "It did not go away by itself. Mend it, then retry.",
            null);
      }
      return new Help(
          "%s ended with a failure that nobody expected: %s"
              .formatted(id, application.getOriginalMessage()),
          "Please report this with the step's id and the worker's log. A retry is safe.",
          null);
    }
    if (origin instanceof TimeoutFailure timeout) {
      return new Help(
          id + " gave no sign of life in time (" + timeout.getTimeoutType() + ")",
          "See whether a worker runs and reaches both sides, then retry.",
          "whimbrel worker");
    }
    return new Help(
        id + " did not end: " + origin.getMessage(), "See the worker's log, then retry.", null);
  }

  /** What an activity said, also where a workflow of its own stands between. */
  private static Throwable origin(TemporalFailure failure) {
    Throwable origin = failure;
    while ((origin instanceof ActivityFailure || origin instanceof ChildWorkflowFailure)
        && origin.getCause() != null) {
      origin = origin.getCause();
    }
    return origin;
  }

  /** {@code 1 table}, {@code 2 tables}. */
  static String count(long number, String noun) {
    return "%,d %s%s".formatted(number, noun, number == 1 ? "" : "s");
  }
}
