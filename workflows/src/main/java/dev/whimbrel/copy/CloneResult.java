package dev.whimbrel.copy;

import dev.whimbrel.activity.CloneReport;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.VerificationReport;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How a clone ended.
 *
 * @param ending in one word
 * @param line one line in an operator's words
 * @param remedy what to do, where something is to be done; else null
 * @param command the exact command or SQL for that, or null
 * @param seconds how long it took
 * @param findings what was seen before it began
 * @param report what the clone holds; null where there is none
 * @param verification how it compares with the snapshot; null where it was not compared
 * @param leftOver what could not be tidied, with how to do it
 */
public record CloneResult(
    Ending ending,
    String line,
    @Nullable String remedy,
    @Nullable String command,
    long seconds,
    List<Finding> findings,
    @Nullable CloneReport report,
    @Nullable VerificationReport verification,
    List<String> leftOver) {

  /** How it ended. */
  public enum Ending {
    /** The target is the clone. */
    CLONED,
    /** Something stood in the way, and nothing was changed. */
    REFUSED,
    /** It could not go on. */
    FAILED,
    /** Somebody cancelled it. */
    CANCELLED
  }
}
