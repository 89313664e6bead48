package dev.whimbrel;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/** A command of a team's own that does its work, and goes wrong the next time where it is told. */
public final class FaultyCommand {
  private static final String SCRIPT =
      """
      #!/bin/sh
      cd '%1$s'
      fault=none
      test ! -f '%2$s.fault' || { fault=$(cat '%2$s.fault'); rm '%2$s.fault'; }
      work() {
        %3$s
      }
      case $fault in
        FAILS) echo 'no such pool' >&2; exit 3 ;;
        DONE_AND_FAILS) work "$@"; echo 'connection reset' >&2; exit 1 ;;
        SIGNAL) kill -9 $$ ;;
        DONE_AND_SIGNAL) work "$@"; kill -9 $$ ;;
        HANGS) sleep 600 ;;
        DONE_AND_HANGS) work "$@"; sleep 600 ;;
        RUBBISH) work "$@"; echo 'no figure' ;;
        SILENT) ;;
        WAITS) echo $$ > '%2$s.pid'; mv '%2$s.pid' '%2$s.waits'; while test -f '%2$s.waits'; do sleep 0.05; done; work "$@" ;;
        *) work "$@" ;;
      esac
      """;

  private static final Duration PATIENCE = Duration.ofSeconds(20);

  private final Path file;

  /** What goes wrong, once. */
  public enum Fault {
    FAILS("ends with an error"),
    DONE_AND_FAILS("done, then ends with an error"),
    SIGNAL("ended by a signal"),
    DONE_AND_SIGNAL("done, then ended by a signal"),
    HANGS("hangs"),
    DONE_AND_HANGS("done, then hangs"),
    RUBBISH("prints rubbish"),
    SILENT("prints nothing"),
    MISSING("not there on this worker"),
    NOT_EXECUTABLE("not executable"),
    /** It waits before its work until it is let go: what a worker that was killed leaves behind. */
    WAITS("waits");

    private final String words;

    Fault(String words) {
      this.words = words;
    }

    /** As the table says it. */
    public String words() {
      return words;
    }
  }

  /**
   * Writes the command.
   *
   * @param work its work, a line of shell, run in the directory
   */
  public FaultyCommand(Path directory, String name, String work) throws IOException {
    this.file = directory.resolve(name);
    Files.writeString(file, SCRIPT.formatted(directory, name, work));
    requireExecutable(true);
  }

  /** The command without arguments. */
  public List<String> words() {
    return List.of(file.toString());
  }

  /** Lets the next run go wrong. */
  public void next(Fault fault) throws IOException {
    switch (fault) {
      case MISSING -> Files.move(file, beside("away"));
      case NOT_EXECUTABLE -> requireExecutable(false);
      default -> Files.writeString(beside("fault"), fault.name());
    }
  }

  /** From here on everything goes well. */
  public void heal() throws IOException {
    if (Files.exists(beside("away"))) {
      Files.move(beside("away"), file);
    }
    requireExecutable(true);
    Files.deleteIfExists(beside("fault"));
  }

  /** Waits until a run waits to be let go. */
  public void awaitWaits() {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (!Files.exists(beside("waits"))) {
      assertThat(System.nanoTime()).as("%s waits", file).isLessThan(deadline);
      Thread.onSpinWait();
    }
  }

  /** Waits until the run that waits is gone without having been let go. */
  public void awaitGone() throws IOException {
    long pid = Long.parseLong(Files.readString(beside("waits")).strip());
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (ProcessHandle.of(pid).filter(ProcessHandle::isAlive).isPresent()) {
      assertThat(System.nanoTime()).as("%s, process %d, is gone", file, pid).isLessThan(deadline);
      Thread.onSpinWait();
    }
  }

  /** Lets the run go on that waits, if there is one. */
  public void letGo() throws IOException {
    Files.delete(beside("waits"));
  }

  private Path beside(String what) {
    return file.resolveSibling(file.getFileName() + "." + what);
  }

  private void requireExecutable(boolean wanted) {
    assertThat(file.toFile().setExecutable(wanted)).isTrue();
  }
}
