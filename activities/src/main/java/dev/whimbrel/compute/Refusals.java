package dev.whimbrel.compute;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Finding;
import io.temporal.failure.ApplicationFailure;

/** What a plan says of failures: what may pass comes again, what does not stands in the way. */
public final class Refusals {
  /** The check whose findings they are, where old machines are retired. */
  public static final String CHECK = RetirementCalls.CHECK;

  private Refusals() {}

  /**
   * A failure that needs help, as a blocker of that subject.
   *
   * @throws ApplicationFailure the failure itself, where it may pass by itself
   */
  public static Finding blocker(String subject, ApplicationFailure failure) {
    return blocker(CHECK, subject, failure);
  }

  /** As {@link #blocker(String, ApplicationFailure)}, of another check. */
  static Finding blocker(String check, String subject, ApplicationFailure failure) {
    if (!failure.getType().equals(Failures.NEEDS_HELP)) {
      throw failure;
    }
    Failures.Help help = failure.getDetails().get(Failures.Help.class);
    return new Finding(
        Finding.Level.BLOCKER,
        check,
        subject,
        help.cause() + ".",
        help.command() == null ? help.remedy() : help.command());
  }
}
