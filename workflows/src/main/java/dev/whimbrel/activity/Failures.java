package dev.whimbrel.activity;

import io.temporal.failure.ApplicationFailure;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * The five kinds of failure that may leave an activity. Each is an {@link ApplicationFailure} whose
 * type is the kind's name; causes are cut, since a driver's message may hold what must not be
 * shown.
 */
public final class Failures {
  /** Retried with backoff, then parked with its last text. */
  public static final String TRANSIENT = "Transient";

  /**
   * A switchover's: the hand-over was sent, and it is not certain that the gaining side opened, so
   * that both sides may be closed. Finished at once, since every second counts.
   */
  public static final String UNFINISHED = "Unfinished";

  /** Comes again at its interval; only from {@code await…}. */
  public static final String NOT_YET = "NotYet";

  /** Parks the migration at once; carries a {@link Help}. */
  public static final String NEEDS_HELP = "NeedsHelp";

  /** A bug, or an exception that nobody translated: parks too. */
  public static final String DEFECT = "Defect";

  private Failures() {}

  /** A failure that may go away by itself. */
  public static ApplicationFailure transientFailure(String message) {
    return ApplicationFailure.newFailure(message, TRANSIENT);
  }

  /**
   * A failure that may go away by itself, but not before some time has passed.
   *
   * @param wait what was asked for, as by {@code Retry-After}; zero to try again as usual
   */
  public static ApplicationFailure transientFailure(String message, Duration wait) {
    return wait.isZero()
        ? transientFailure(message)
        : ApplicationFailure.newFailureWithCauseAndDelay(message, TRANSIENT, null, wait);
  }

  /**
   * Something is lost that this call cannot bring back; what its caller does next may. Not tried
   * again.
   */
  public static ApplicationFailure lost(String message) {
    return ApplicationFailure.newNonRetryableFailure(message, TRANSIENT);
  }

  /** A switchover failed after its hand-over was sent; what failed may go away by itself. */
  public static ApplicationFailure unfinished(String message) {
    return ApplicationFailure.newFailure(message, UNFINISHED);
  }

  /** The awaited state is not there yet; the next look is after {@code nextLook}. */
  public static ApplicationFailure notYet(String message, Duration nextLook) {
    return ApplicationFailure.newFailureWithCauseAndDelay(message, NOT_YET, null, nextLook);
  }

  /**
   * A failure that only a person can end.
   *
   * @param message what was expected and what was found, naming the object
   * @param remedy what to do, in words
   * @param command the exact command or SQL, or null where there is none
   */
  public static ApplicationFailure needsHelp(
      String message, String remedy, @Nullable String command) {
    return needsHelp(new Help(message, remedy, command));
  }

  /** As {@link #needsHelp(String, String, String)}. */
  public static ApplicationFailure needsHelp(Help help) {
    return ApplicationFailure.newNonRetryableFailure(help.cause(), NEEDS_HELP, help);
  }

  /** What a {@code NeedsHelp} carries. */
  public static Help carried(ApplicationFailure failure) {
    if (failure.getDetails() != null && failure.getDetails().getSize() > 0) {
      Help help = failure.getDetails().get(Help.class);
      if (help != null) {
        return help;
      }
    }
    return new Help(failure.getOriginalMessage(), "Mend it, then retry.", null);
  }

  /** The same failure of a switchover's, with both sides closed as far as anybody knows. */
  public static ApplicationFailure maybeClosed(Help help) {
    return needsHelp(new Help(help.cause(), help.remedy(), help.command(), true));
  }

  /** A bug. */
  public static ApplicationFailure defect(String message) {
    return ApplicationFailure.newNonRetryableFailure(message, DEFECT);
  }

  /**
   * What a person needs to know.
   *
   * @param cause what was expected and what was found
   * @param remedy what to do
   * @param command the exact command or SQL, or null
   * @param bothMayBeClosed whether a hand-over was sent whose end is not known: perhaps nobody can
   *     write
   */
  public record Help(
      String cause, String remedy, @Nullable String command, boolean bothMayBeClosed) {

    /** Help while writes go where the status says. */
    public Help(String cause, String remedy, @Nullable String command) {
      this(cause, remedy, command, false);
    }
  }
}
