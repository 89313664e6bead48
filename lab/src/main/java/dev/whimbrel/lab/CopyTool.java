package dev.whimbrel.lab;

import java.sql.SQLException;
import java.time.Duration;

/** Somebody who copies a database into an empty one. */
interface CopyTool {
  /** Its name in the table. */
  String word();

  /**
   * Copies rows and builds indexes and constraints.
   *
   * @return how long that took
   * @throws IllegalStateException if it fails
   */
  Duration copy(CopyWorld world) throws SQLException;

  /** Where the time of the latest copy went, in words; empty where nobody knows. */
  default String parts() {
    return "";
  }

  /** Takes away what it left on the source. */
  default void tidy(CopyWorld world) throws SQLException {}
}
