package dev.whimbrel.cli;

/** What the process ends with. */
final class ExitCode {
  static final int DONE = 0;
  static final int FAILED = 1;
  static final int USAGE = 2;

  /** Only from {@code start --watch} and {@code wait}. */
  static final int WAITING_FOR_A_PERSON = 3;

  /** Only from {@code start --watch} and {@code wait}. */
  static final int ROLLED_BACK = 4;

  private ExitCode() {}
}
