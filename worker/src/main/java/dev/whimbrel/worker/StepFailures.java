package dev.whimbrel.worker;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Redaction;
import io.temporal.common.converter.DataConverterException;
import io.temporal.failure.ApplicationErrorCategory;
import io.temporal.failure.ApplicationFailure;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Turns whatever an activity threw into one of the kinds of {@link Failures}, without cause and
 * without a secret. What nobody translated is a {@code Defect} that says what to report.
 */
final class StepFailures {
  private static final Set<String> KINDS =
      Set.of(
          Failures.TRANSIENT,
          Failures.UNFINISHED,
          Failures.NOT_YET,
          Failures.NEEDS_HELP,
          Failures.DEFECT);

  private final UnaryOperator<String> redaction;

  /**
   * @param redaction masks the secrets that this process has resolved
   */
  StepFailures(UnaryOperator<String> redaction) {
    this.redaction = text -> Redaction.redact(redaction.apply(text));
  }

  /** Whether the failure is one of the kinds, thrown on purpose. */
  static boolean isTranslated(Throwable thrown) {
    return thrown instanceof ApplicationFailure failure && KINDS.contains(failure.getType());
  }

  /**
   * The failure that may leave.
   *
   * @param step the step's id, named in a defect
   */
  ApplicationFailure of(String step, Throwable thrown) {
    if (thrown instanceof ApplicationFailure failure && KINDS.contains(failure.getType())) {
      return translated(failure);
    }
    if (thrown instanceof InterruptedException) {
      return Failures.transientFailure("Interrupted: this worker is stopping");
    }
    if (thrown instanceof VirtualMachineError) {
      return Failures.transientFailure(
          "The worker ran out of " + (thrown instanceof OutOfMemoryError ? "memory" : "stack"));
    }
    return Failures.defect(
        redaction.apply(
            "%s failed with an error that Whimbrel does not know: %s. Report this line, and the lines of the worker's log around it, as a bug"
                .formatted(step, described(thrown))));
  }

  /** The text with secrets masked. */
  String redact(String text) {
    return redaction.apply(text);
  }

  private ApplicationFailure translated(ApplicationFailure failure) {
    ApplicationFailure.Builder clean =
        ApplicationFailure.newBuilder()
            .setMessage(redaction.apply(failure.getOriginalMessage()))
            .setType(failure.getType())
            .setNonRetryable(failure.isNonRetryable());
    if (failure.getNextRetryDelay() != null) {
      clean.setNextRetryDelay(failure.getNextRetryDelay());
    }
    Failures.Help help = help(failure);
    if (help != null) {
      clean.setDetails(
          new Failures.Help(
              redaction.apply(help.cause()),
              redaction.apply(help.remedy()),
              help.command() == null ? null : redaction.apply(help.command()),
              help.bothMayBeClosed()));
    }
    // Waiting is not an error: neither in the log nor in the metrics.
    clean.setCategory(
        Failures.NOT_YET.equals(failure.getType())
            ? ApplicationErrorCategory.BENIGN
            : ApplicationErrorCategory.UNSPECIFIED);
    return clean.build();
  }

  private static Failures.@Nullable Help help(ApplicationFailure failure) {
    if (failure.getDetails() == null || failure.getDetails().getSize() == 0) {
      return null;
    }
    try {
      return failure.getDetails().get(Failures.Help.class);
    } catch (DataConverterException | ClassCastException e) {
      // Details of another kind: Whimbrel writes none, so nothing is lost by leaving them out.
      return null;
    }
  }

  /** Class, message's first line and the frame of ours where it came from. */
  private static String described(Throwable thrown) {
    String message = thrown.getMessage();
    String where =
        Stream.of(thrown.getStackTrace())
            .filter(frame -> frame.getClassName().startsWith("dev.whimbrel."))
            .findFirst()
            .map(frame -> " at " + frame)
            .orElse("");
    return thrown.getClass().getName()
        + (message == null ? "" : " (" + message.lines().findFirst().orElse("") + ")")
        + where;
  }
}
