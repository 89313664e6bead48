package dev.whimbrel.cli;

import dev.whimbrel.activity.Forecast;
import dev.whimbrel.activity.PreflightReport;
import dev.whimbrel.migration.Step;
import dev.whimbrel.runbook.CanarySpec;
import dev.whimbrel.runbook.RetireSpec;
import dev.whimbrel.runbook.Runbook;
import dev.whimbrel.runbook.SuiteSpec;
import dev.whimbrel.runbook.ThrottleSpec;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * One step of a plan.
 *
 * @param id the step's id
 * @param title what it does
 * @param configured whether the runbook, and this release, have it done
 * @param predictedSeconds how long it will take; null where that depends on people, or on what only
 *     the step itself finds
 * @param note what the prediction rests on, or null
 */
record PlannedStep(
    String id,
    String title,
    boolean configured,
    @Nullable Long predictedSeconds,
    @Nullable String note) {

  /** Bytes a second and job of the initial copy over a network: cautious, and said in the note. */
  private static final long COPY_RATE = 20_000_000;

  /** Bytes a second at which indexes are built. */
  private static final long INDEX_RATE = 40_000_000;

  /** Bytes a second at which both databases are compared. */
  private static final long VERIFY_RATE = 50_000_000;

  /** Bytes a second at which statistics are gathered. */
  private static final long ANALYZE_RATE = 300_000_000;

  /** What comes while the source is closed, where it is closed first. */
  private static final List<Step> BEHIND_THE_CLOSING =
      List.of(Step.COPY, Step.INDEXES, Step.ANALYZE, Step.SEQUENCES, Step.VERIFY_DATA, Step.SMOKE);

  /** Every step from the first to the last, the way back left out. */
  static List<PlannedStep> of(Runbook runbook, @Nullable PreflightReport report) {
    return inOrder(runbook).stream()
        .filter(step -> !step.phase().equals("rollback"))
        .map(step -> of(step, runbook, report))
        .toList();
  }

  private static List<Step> inOrder(Runbook runbook) {
    List<Step> steps = new ArrayList<>(List.of(Step.values()));
    if (runbook.replicate().offline()) {
      steps.removeAll(BEHIND_THE_CLOSING);
      steps.addAll(steps.indexOf(Step.KEEP_CLOSED) + 1, BEHIND_THE_CLOSING);
    }
    return steps;
  }

  private static PlannedStep of(Step step, Runbook runbook, @Nullable PreflightReport report) {
    if (!configured(step, runbook)) {
      return new PlannedStep(step.id(), step.title(), false, null, null);
    }
    Long bytes = report == null ? null : report.sourceBytes();
    int jobs = Math.min(4, runbook.replicate().jobs());
    return switch (step) {
      case PREFLIGHT, SUBSCRIBE, SEQUENCES, REHEARSE_REVERSE, STOP_REVERSE -> fixed(step, 5);
      case SCHEMA -> fixed(step, 20);
      case LOWER_TTL, RESTORE_TTL, SHIFT_TRAFFIC -> open(step, "one whole TTL in force before it");
      case COPY -> copy(step, report, bytes, copyRate(runbook, jobs));
      case INDEXES -> indexes(step, report, bytes);
      case ANALYZE -> sized(step, bytes, ANALYZE_RATE);
      case VERIFY_DATA, FRESH_VERIFY -> sized(step, bytes, VERIFY_RATE);
      case SUITE -> suite(step, Objects.requireNonNull(runbook.validate().suite()), bytes);
      case SOAK -> timed(step, runbook.replicate().soak());
      case MONITOR -> timed(step, runbook.cutover().monitor());
      case WINDOW -> timed(step, runbook.rollback().window());
      case APPROVAL, END_APPROVAL, TERMINATE_APPROVAL -> open(step, "a person");
      case OPENING -> open(step, runbook.cutover().window());
      case CANARY -> canary(step, Objects.requireNonNull(runbook.validate().canary()));
      case TERMINATE_AFTER ->
          timed(
              step,
              Objects.requireNonNull(
                  Objects.requireNonNull(runbook.decommission().retire()).terminateAfter()));
      case SWITCHOVER -> switchover(step, runbook, report);
      case KEEP_CLOSED -> open(step, "at most " + Words.duration(runbook.replicate().closedFor()));
      case CATCH_UP -> open(step, "what was written during the copy");
      default -> new PlannedStep(step.id(), step.title(), true, null, null);
    };
  }

  private static PlannedStep copy(
      Step step, @Nullable PreflightReport report, @Nullable Long bytes, long rate) {
    Forecast forecast = report == null ? null : report.forecast();
    if (forecast == null || forecast.times() == null || forecast.measured() == null) {
      return sized(step, bytes, rate);
    }
    return new PlannedStep(
        step.id(),
        step.title(),
        true,
        forecast.times().copy(),
        "measured: " + Words.bytes(forecast.measured().rate()) + "/s");
  }

  /** Most of the indexes are built while other tables are copied: what they take on top of it. */
  private static PlannedStep indexes(
      Step step, @Nullable PreflightReport report, @Nullable Long bytes) {
    Forecast forecast = report == null ? null : report.forecast();
    if (forecast == null || forecast.times() == null || forecast.times().indexes() == null) {
      return sized(step, bytes, INDEX_RATE);
    }
    Forecast.Times times = forecast.times();
    return new PlannedStep(
        step.id(),
        step.title(),
        true,
        Math.max(1, times.whole() - times.copy()),
        times.foreignKeys() == null ? "measured" : "measured, foreign keys among them");
  }

  private static long copyRate(Runbook runbook, int jobs) {
    ThrottleSpec throttle = runbook.replicate().throttle();
    Long allowed = throttle == null ? null : throttle.bytesPerSecond();
    return allowed == null ? COPY_RATE * jobs : Math.min(allowed, COPY_RATE * jobs);
  }

  private static boolean configured(Step step, Runbook runbook) {
    return switch (step) {
      case LOWER_TTL, RESTORE_TTL -> runbook.dns() != null;
      case SHIFT_TRAFFIC, HOLD_SHARE -> runbook.shifting() != null;
      case CANARY_READY, CANARY -> runbook.validate().canary() != null;
      case PROVISION -> runbook.provision() != null;
      case RETIRE -> runbook.decommission().retire() != null;
      case TERMINATE_AFTER, TERMINATE -> terminates(runbook);
      case TERMINATE_APPROVAL ->
          terminates(runbook)
              && Objects.requireNonNull(runbook.decommission().retire()).approvalRequired();
      case QUERIES -> runbook.validate().queries() != null;
      case SUITE -> runbook.validate().suite() != null;
      case SMOKE, SMOKE_AGAIN -> !runbook.validate().smoke().isEmpty();
      case APPROVAL -> runbook.cutover().approvalRequired();
      case END_APPROVAL -> runbook.decommission().approvalRequired();
      case OPENING -> runbook.cutover().window() != null;
      case CLOSE, KEEP_CLOSED -> runbook.replicate().offline();
      case WATCH_WAL, SUBSCRIBE, CATCH_UP, SOAK, KEEP_VERIFYING, FRESH_VERIFY ->
          !runbook.replicate().offline();
      default -> step.built();
    };
  }

  private static boolean terminates(Runbook runbook) {
    RetireSpec retire = runbook.decommission().retire();
    return retire != null && retire.terminateAfter() != null;
  }

  private static PlannedStep suite(Step step, SuiteSpec suite, @Nullable Long bytes) {
    String room =
        bytes == null ? "as much again" : "about " + Words.bytes(bytes + bytes / 4) + " more";
    return open(
        step,
        "copies the target on its own server, which takes %s until the end; then at most %s: %s"
            .formatted(room, Words.duration(suite.timeout()), String.join(" ", suite.command())));
  }

  private static PlannedStep canary(Step step, CanarySpec canary) {
    String weights =
        canary.weights().stream().map(weight -> weight + " %").collect(Collectors.joining(", "));
    return new PlannedStep(
        step.id(),
        step.title(),
        true,
        canary.bake().multipliedBy(canary.weights().size()).toSeconds(),
        weights + ", " + Words.duration(canary.bake()) + " each");
  }

  private static PlannedStep switchover(
      Step step, Runbook runbook, @Nullable PreflightReport report) {
    String budget = "at most " + Words.duration(runbook.cutover().pauseBudget());
    String note =
        report == null
            ? "writes pause for " + budget
            : "writes pause for about " + report.predictedPauseMillis() + " ms, " + budget;
    return new PlannedStep(step.id(), step.title(), true, 5L, note);
  }

  private static PlannedStep fixed(Step step, long seconds) {
    return new PlannedStep(step.id(), step.title(), true, seconds, null);
  }

  private static PlannedStep timed(Step step, Duration duration) {
    return new PlannedStep(
        step.id(), step.title(), true, duration.toSeconds(), "as the runbook says");
  }

  private static PlannedStep open(Step step, @Nullable String note) {
    return new PlannedStep(step.id(), step.title(), true, null, note);
  }

  private static PlannedStep sized(Step step, @Nullable Long bytes, long rate) {
    if (bytes == null) {
      return open(step, "the size of the database");
    }
    String note = Words.bytes(bytes) + " at an assumed " + Words.bytes(rate) + "/s";
    return new PlannedStep(step.id(), step.title(), true, Math.max(1, bytes / rate), note);
  }

  /** The step in one line. */
  String line() {
    if (!configured) {
      return "- %-26s %-12s not configured".formatted(id, "");
    }
    String time =
        predictedSeconds == null ? "" : "~ " + Words.duration(Duration.ofSeconds(predictedSeconds));
    return ("· %-26s %-12s %s".formatted(id, time, title) + (note == null ? "" : " (" + note + ")"))
        .stripTrailing();
  }
}
