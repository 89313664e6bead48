package dev.whimbrel.migration;

import java.util.List;

/**
 * How a migration ended.
 *
 * @param ending how
 * @param line one line in an operator's words
 * @param leftOver tidying that failed and must be done by hand
 */
public record MigrationResult(Ending ending, String line, List<String> leftOver) {

  /** The three ways a migration ends. */
  public enum Ending {
    MIGRATED,
    ROLLED_BACK,
    ABANDONED
  }
}
