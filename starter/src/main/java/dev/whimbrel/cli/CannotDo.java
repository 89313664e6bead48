package dev.whimbrel.cli;

/** Something that the command cannot do: its message is printed as it stands, without a trace. */
class CannotDo extends RuntimeException {
  private final int exitCode;

  CannotDo(String message) {
    this(ExitCode.FAILED, message);
  }

  CannotDo(int exitCode, String message) {
    super(message, null, false, false);
    this.exitCode = exitCode;
  }

  int exitCode() {
    return exitCode;
  }

  /** The message, which is never missing. */
  String text() {
    return String.valueOf(getMessage());
  }

  /** Temporal does not answer at the moment; it may later. */
  static final class Unreachable extends CannotDo {
    Unreachable(String message) {
      super(message);
    }
  }
}
