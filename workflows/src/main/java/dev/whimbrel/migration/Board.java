package dev.whimbrel.migration;

import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.PreflightReport.DatabaseUser;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.migration.MigrationStatus.StepRecord;
import dev.whimbrel.runbook.TablesSpec;
import io.temporal.workflow.Workflow;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What the migration shows of itself: status, memo, search attributes, the page in the Temporal UI.
 * Memo and attributes are written at changes of phase and state only, so that waiting costs
 * nothing.
 */
final class Board {
  /** Where writes go while only the databases know. */
  private static final String UNKNOWN = "unknown";

  private final Start start;
  private final Parking parking = new Parking(this::changed);
  private final Map<Step, StepRecord> records = new EnumMap<>(Step.class);

  private String phase = Step.PREFLIGHT.phase();
  private @Nullable Step step;
  private State state = State.RUNNING;
  private State waiting = State.RUNNING;
  private Instant since;
  private @Nullable String waitingFor;
  private @Nullable Decision paused;
  private @Nullable MigrationResult result;
  private MigrationStatus.@Nullable Findings findings;
  private @Nullable VerificationReport verification;
  private @Nullable HandOver handOver;
  private String truth = Side.SOURCE.word();
  private long epoch;
  private List<DatabaseUser> users = List.of();
  private int switchoverAttempts;
  private boolean wayBack = true;
  private @Nullable Instant wayBackUntil;
  private @Nullable String wayBackLost;
  private long predictedPauseMillis;
  private @Nullable Integer targetShare;
  private MigrationStatus.@Nullable SourceClosed closed;
  private String mirrored = "";

  Board(Start start) {
    this.start = start;
    this.since = now();
    for (Step lacking : Step.values()) {
      if (!lacking.built()) {
        notConfigured(lacking);
      }
    }
  }

  Parking parking() {
    return parking;
  }

  static Instant now() {
    return Instant.ofEpochMilli(Workflow.currentTimeMillis());
  }

  // What happens

  void begin(Step begun) {
    step = begun;
    if (!begun.phase().equals(phase)) {
      phase = begun.phase();
    }
    StepRecord known = records.get(begun);
    Instant started =
        known == null || known.started() == null || known.ended() != null ? now() : known.started();
    records.put(begun, new StepRecord(begun.id(), started, null, null));
    changed();
  }

  void end(Step ended, String outcome) {
    StepRecord known = Objects.requireNonNull(records.get(ended));
    records.put(ended, new StepRecord(ended.id(), known.started(), now(), outcome));
    changed();
  }

  /** Records what came of something that runs beside the steps. */
  void note(Step beside, String outcome) {
    records.put(beside, new StepRecord(beside.id(), now(), now(), outcome));
    changed();
  }

  void notConfigured(Step left) {
    records.put(left, new StepRecord(left.id(), null, null, Step.NOT_CONFIGURED));
  }

  /** Says what is waited for, until {@link #goOn()}. */
  void await(State kind, String what) {
    waiting = kind;
    waitingFor = what;
    changed();
  }

  void goOn() {
    waiting = State.RUNNING;
    waitingFor = null;
    changed();
  }

  void pause(@Nullable Decision decision) {
    paused = decision;
    changed();
  }

  /** The rollback begins: a pause no longer counts. */
  void goBack() {
    stop("stopped by the rollback");
    phase = Step.HAND_BACK.phase();
    paused = null;
    closed = null;
    waiting = State.RUNNING;
    waitingFor = null;
    changed();
  }

  boolean isPaused() {
    return paused != null;
  }

  void ask(MigrationStatus.@Nullable Findings shown) {
    findings = shown;
    changed();
  }

  MigrationStatus.@Nullable Findings asked() {
    return findings;
  }

  void verified(@Nullable VerificationReport report) {
    verification = report;
  }

  void predictPause(long millis) {
    predictedPauseMillis = millis;
  }

  /** Which share of the traffic the target gets; null while that is being changed. */
  void sharing(@Nullable Integer percent) {
    targetShare = percent;
    changed();
  }

  /** The source is closed for a copy, or is not any more. */
  void closed(MigrationStatus.@Nullable SourceClosed now) {
    closed = now;
    changed();
  }

  void switchoverTried() {
    switchoverAttempts++;
  }

  void usedBy(List<DatabaseUser> seen) {
    users = seen;
  }

  void inEpoch(long known) {
    epoch = known;
  }

  void handedOver(HandOver done) {
    handOver = done;
    wayBack = done.canGoBack();
    truthIs(done);
  }

  /** The databases have said where writes go. */
  void truthIs(HandOver answer) {
    truth = answer.writesGoTo().word();
    epoch = answer.epoch();
    changed();
  }

  /** Whether only the databases know where writes go. */
  boolean isTruthOpen() {
    return truth.equals(UNKNOWN);
  }

  /** A hand-over may have been sent whose end is not known: perhaps nobody can write. */
  void truthIsOpen() {
    truth = UNKNOWN;
    changed();
  }

  /** Whether going back is possible, and until when that is certain. */
  void offerWayBack(boolean possible, @Nullable Instant until) {
    wayBack = possible;
    wayBackUntil = until;
    changed();
  }

  /** The way back was given up, for good. */
  void loseWayBack(String why) {
    wayBackLost = why;
    offerWayBack(false, null);
  }

  void end(MigrationResult ended) {
    stop("not ended");
    result = ended;
    waitingFor = null;
    changed();
  }

  /** What has begun and did not end is no longer done. */
  private void stop(String why) {
    records.replaceAll(
        (step, record) ->
            record.started() == null || record.ended() != null
                ? record
                : new StepRecord(record.id(), record.started(), now(), why));
  }

  boolean hasEnded() {
    return result != null;
  }

  /** Whether a step was carried out, or skipped. */
  boolean hasEnded(Step step) {
    StepRecord record = records.get(step);
    return record != null && record.started() != null && record.ended() != null;
  }

  /** Whether a step has begun and not ended, and waits for nobody. */
  boolean isRunning(Step asked) {
    StepRecord record = records.get(asked);
    return state == State.RUNNING
        && record != null
        && record.started() != null
        && record.ended() == null;
  }

  // What is shown

  private State currentState() {
    if (result != null) {
      return State.ENDED;
    }
    if (!parking.isEmpty()) {
      return State.NEEDS_HELP;
    }
    if (phase.equals("rollback")) {
      return State.ROLLING_BACK;
    }
    return paused != null ? State.PAUSED : waiting;
  }

  /** Looks at the state anew, and mirrors it where it changed. */
  void changed() {
    State now = currentState();
    if (now != state) {
      state = now;
      since = now();
    }
    Workflow.setCurrentDetails(Markdown.details(status()));
    String mirror = phase + " " + state + " " + truth;
    if (mirror.equals(mirrored)) {
      return;
    }
    mirrored = mirror;
    Workflow.upsertMemo(memo());
    if (start.searchAttributes()) {
      Workflow.upsertTypedSearchAttributes(
          Mirror.WHIMBREL_PHASE.valueSet(phase),
          Mirror.WHIMBREL_STATE.valueSet(state.name()),
          Mirror.WHIMBREL_SERVICE.valueSet(start.runbook().service()));
    }
  }

  private Map<String, Object> memo() {
    Map<String, Object> memo = new HashMap<>();
    memo.put(Mirror.PHASE, phase);
    memo.put(Mirror.STATE, state.name());
    memo.put(Mirror.SINCE, since.toString());
    memo.put(Mirror.STEP, step == null ? "" : step.id());
    memo.put(Mirror.WAITING_FOR, Objects.requireNonNullElse(wordsFor(), ""));
    memo.put(Mirror.WRITES_GO_TO, truth);
    memo.put(Mirror.RESULT, result == null ? "" : result.ending().name());
    if (result != null) {
      memo.put(Mirror.ENDED_AS, result);
    }
    return memo;
  }

  private @Nullable String wordsFor() {
    if (state == State.NEEDS_HELP) {
      MigrationStatus.Parked first = parking.all().get(0);
      return first.step() + ": " + first.cause();
    }
    if (state == State.PAUSED && paused != null) {
      return "paused by " + paused.by() + (paused.reason() == null ? "" : ": " + paused.reason());
    }
    return waitingFor;
  }

  private List<String> withoutRows() {
    TablesSpec tables = start.runbook().replicate().tables();
    return tables == null ? List.of() : tables.excludeData();
  }

  MigrationStatus status() {
    return new MigrationStatus(
        start.runbook().name(),
        phase,
        step == null ? null : step.id(),
        state,
        since,
        wordsFor(),
        result == null ? null : result.ending(),
        truth,
        handOver == null ? null : handOver.at(),
        epoch,
        NextSteps.of(start.runbook().name(), state, findings, parking.all(), wayBack),
        new MigrationStatus.RollbackOffer(
            wayBack && result == null && !parking.holds(Step.WATCH_WAY_BACK.id()),
            wayBackUntil,
            Math.max(2, predictedPauseMillis / 1000),
            handOver == null && truth.equals(Side.SOURCE.word()) ? 0L : null,
            wayBackLost,
            withoutRows()),
        null,
        verification == null ? null : MigrationStatus.Verified.of(verification),
        findings,
        handOver == null
            ? null
            : new MigrationStatus.SwitchoverFigures(
                handOver.writePauseMillis(), switchoverAttempts),
        parking.all(),
        new ArrayList<>(records.values()),
        users,
        targetShare,
        closed);
  }
}
