package dev.whimbrel.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Unmatched;

/** Verbs that the launcher runs from other modules; they stand here for the help. */
final class Elsewhere {
  private Elsewhere() {}

  /** A verb that this process cannot run. */
  abstract static class Other implements Callable<Integer> {
    @Unmatched String[] arguments = {};

    private final String verb;

    Other(String verb) {
      this.verb = verb;
    }

    @Override
    public Integer call() {
      throw new CannotDo("Run it by the launcher: ./whimbrel " + verb);
    }
  }

  @Command(
      name = "inspect",
      description =
          "Read both databases of a RUNBOOK and say who is the truth, and the exact commands to go"
              + " either way. Needs no Temporal.")
  static final class Inspect extends Other {
    Inspect() {
      super("inspect");
    }
  }

  @Command(
      name = "worker",
      description = "Do the work, where both databases can be reached. Prints one line when ready.")
  static final class Work extends Other {
    Work() {
      super("worker");
    }
  }

  @Command(
      name = "demo",
      description =
          "Move a small live service on this machine while you watch. demo --rollback goes back.")
  static final class Demonstrate extends Other {
    Demonstrate() {
      super("demo");
    }
  }
}
