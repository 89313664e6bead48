package dev.whimbrel.migration;

import dev.whimbrel.activity.PreflightReport.DatabaseUser;
import dev.whimbrel.activity.VerificationReport;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Where a migration is, as {@code whimbrel status --output json} prints it.
 *
 * @param name the runbook's name
 * @param phase prepare, replicate, validate, cutover, decommission or rollback
 * @param step id of the step that runs or is waited at
 * @param state what it is doing
 * @param since since when
 * @param waitingFor what is waited for, in words, or null
 * @param result how it ended, or null while it runs
 * @param writesGoTo source, target or, where a hand-over was sent and its end is not known,
 *     unknown: perhaps nobody can write
 * @param writesSince when the writes began to go there by a hand-over; null on the source from the
 *     start
 * @param epoch the epoch of the side that takes the writes; 0 until both databases are claimed
 * @param nextSteps commands that make sense now
 * @param rollback whether going back is possible, until when, how long it takes
 * @param lag latest lag, or null when no stream runs
 * @param verification latest verification, or null
 * @param findings hash and lines of what an approval approves, or null when none is waited for
 * @param switchover figures of the switchover, or null before it
 * @param parked steps that wait for a person
 * @param steps every step so far, and those not configured
 * @param users who was seen to use the source, by preflight, through the soak and before the
 *     evidence
 * @param targetShare the target's percent of the traffic, once it is in force; null while it is
 *     being changed, and where nothing was shifted
 * @param closed the closing of the source for an offline copy while it stands, else null: nobody
 *     can write then
 */
public record MigrationStatus(
    String name,
    String phase,
    @Nullable String step,
    State state,
    Instant since,
    @Nullable String waitingFor,
    MigrationResult.@Nullable Ending result,
    String writesGoTo,
    @Nullable Instant writesSince,
    long epoch,
    List<String> nextSteps,
    RollbackOffer rollback,
    @Nullable Lag lag,
    @Nullable Verified verification,
    @Nullable Findings findings,
    @Nullable SwitchoverFigures switchover,
    List<Parked> parked,
    List<StepRecord> steps,
    List<DatabaseUser> users,
    @Nullable Integer targetShare,
    @Nullable SourceClosed closed) {

  /** A status while the source is not closed for a copy. */
  public MigrationStatus(
      String name,
      String phase,
      @Nullable String step,
      State state,
      Instant since,
      @Nullable String waitingFor,
      MigrationResult.@Nullable Ending result,
      String writesGoTo,
      @Nullable Instant writesSince,
      long epoch,
      List<String> nextSteps,
      RollbackOffer rollback,
      @Nullable Lag lag,
      @Nullable Verified verification,
      @Nullable Findings findings,
      @Nullable SwitchoverFigures switchover,
      List<Parked> parked,
      List<StepRecord> steps,
      List<DatabaseUser> users,
      @Nullable Integer targetShare) {
    this(
        name,
        phase,
        step,
        state,
        since,
        waitingFor,
        result,
        writesGoTo,
        writesSince,
        epoch,
        nextSteps,
        rollback,
        lag,
        verification,
        findings,
        switchover,
        parked,
        steps,
        users,
        targetShare,
        null);
  }

  /** What a migration is doing. */
  public enum State {
    RUNNING,
    WAITING_FOR_TIME,
    WAITING_FOR_WINDOW,
    WAITING_FOR_APPROVAL,
    PAUSED,
    NEEDS_HELP,
    ROLLING_BACK,
    ENDED,
    /** Said by the CLI: no worker answers. */
    NO_WORKER,
    /** Said by the CLI: the workflow's task keeps failing and waits for fixed code. */
    ENGINE_STUCK
  }

  /**
   * The standing offer to go back.
   *
   * @param possible whether going back would succeed now, as far as anybody knows
   * @param until until when it is certain, or null where nobody knows yet
   * @param estimatedSeconds how long writes are held up
   * @param writesAtRisk writes that would be lost if the side that takes them died now; null where
   *     nobody knows
   * @param why why it is not possible any more, where that was decided; or null
   * @param without patterns of tables whose rows travel in neither direction: what is written to
   *     them on the target stays there
   */
  public record RollbackOffer(
      boolean possible,
      @Nullable Instant until,
      long estimatedSeconds,
      @Nullable Long writesAtRisk,
      @Nullable String why,
      List<String> without) {

    /** What is missing, as in the answer of an older worker, is empty. */
    public RollbackOffer {
      without = without == null ? List.of() : List.copyOf(without);
    }

    /** An offer about which there is nothing more to say. */
    public RollbackOffer(
        boolean possible,
        @Nullable Instant until,
        long estimatedSeconds,
        @Nullable Long writesAtRisk) {
      this(possible, until, estimatedSeconds, writesAtRisk, null, List.of());
    }
  }

  /** Lag of the running stream. */
  public record Lag(long bytes, long millis) {}

  /** A source that is closed for a copy, since when, and until when at the latest. */
  public record SourceClosed(Instant since, Instant until) {}

  /**
   * The latest verification.
   *
   * @param at from when its age is counted: when it was finished, of a round in the background when
   *     it began
   * @param began when it began; null where an older worker has not told
   * @param ended when it was finished; null where an older worker has not told
   */
  public record Verified(
      Instant at,
      long rows,
      long differences,
      List<String> notCompared,
      @Nullable Instant began,
      @Nullable Instant ended) {
    private static final Duration LONG = Duration.ofMinutes(1);

    /** One of which nobody knows how long it took. */
    public Verified(Instant at, long rows, long differences, List<String> notCompared) {
      this(at, rows, differences, notCompared, null, null);
    }

    /** What a report says. */
    public static Verified of(VerificationReport report) {
      return new Verified(
          report.at(),
          report.rows(),
          report.differences(),
          report.notJudged(),
          report.began(),
          report.ended());
    }

    /** Whether it took so long that people should hear of its beginning as well as of its end. */
    public boolean tookLong() {
      return began != null && ended != null && !began.plus(LONG).isAfter(ended);
    }
  }

  /**
   * What an approval approves.
   *
   * @param hash of the lines, without those that begin with {@code Just now}: they come and go
   * @param lines what is shown
   */
  public record Findings(String hash, List<String> lines) {}

  /** Figures of the switchover. */
  public record SwitchoverFigures(long writePauseMillis, int attempts) {}

  /** A step that waits for a person. */
  public record Parked(
      String step,
      Instant since,
      String cause,
      String remedy,
      @Nullable String command,
      boolean skippable) {}

  /** One step. {@code outcome} is "not configured" for a step that the runbook leaves out. */
  public record StepRecord(
      String id, @Nullable Instant started, @Nullable Instant ended, @Nullable String outcome) {}
}
