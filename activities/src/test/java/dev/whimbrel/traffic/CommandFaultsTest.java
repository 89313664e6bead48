package dev.whimbrel.traffic;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.FaultTable;
import dev.whimbrel.FaultyCommand;
import dev.whimbrel.FaultyCommand.Fault;
import dev.whimbrel.KilledWorker;
import dev.whimbrel.attempt.Attempt;
import dev.whimbrel.runbook.TrafficSpec;
import io.temporal.failure.ApplicationFailure;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands under {@code traffic.command} go wrong in every way, in a shift to 25 %. */
class CommandFaultsTest {
  private static final Set<Fault> SETTING =
      EnumSet.complementOf(EnumSet.of(Fault.WAITS, Fault.SILENT));
  private static final Set<Fault> READING =
      EnumSet.complementOf(
          EnumSet.of(
              Fault.WAITS, Fault.DONE_AND_FAILS, Fault.DONE_AND_SIGNAL, Fault.DONE_AND_HANGS));

  @TempDir private Path directory;

  private final FaultTable table =
      new FaultTable("traffic-command", "Commands of one's own that set the weights");

  private FaultyCommand set;
  private FaultyCommand read;

  @BeforeEach
  void begin() throws IOException {
    table.hiding(directory.toString(), "/opt/shop").hiding("(After|within) \\d+ s\\b", "$1 … s");
    Files.writeString(share(), "0\n");
    Files.writeString(directory.resolve("bystander"), "7\n");
    set = new FaultyCommand(directory, "set", "echo \"$1\" > share");
    read = new FaultyCommand(directory, "read", "cat share");
  }

  @Test
  void nothingIsLostAndEveryMessageSaysWhatToDo() throws Exception {
    for (Fault fault : SETTING) {
      goesWrong("set", set, fault);
    }
    for (Fault fault : READING) {
      goesWrong("read", read, fault);
    }
    somebodyElseChangesItBefore();
    somebodyElseChangesItAfter();
    somebodyElseChangesItLater();
    workerIsKilledBeforeItReports();
    workerIsStopped();
    workerIsKilledWhileItRuns();
    aLateSetNeverUndoesTheWayBack();
    theCommandOfAKilledWorkerDoesNotCareForSignals();

    assertThat(directory.resolve("bystander")).hasContent("7\n");
    table.check();
  }

  private void goesWrong(String name, FaultyCommand command, Fault fault) throws IOException {
    command.next(fault);
    Optional<ApplicationFailure> failure = attempt(25);
    command.heal();

    table.row(name, fault.words(), failure);
    goesOnAndBack();
  }

  private void somebodyElseChangesItBefore() throws IOException {
    Files.writeString(share(), "40\n");

    Optional<ApplicationFailure> failure = attempt(25);

    table.row("set", "somebody else changes the share right before", failure);
    goesOnAndBack();
  }

  private void somebodyElseChangesItAfter() throws IOException {
    set = new FaultyCommand(directory, "set", "echo 40 > share");
    Optional<ApplicationFailure> failure = attempt(25);
    set = new FaultyCommand(directory, "set", "echo \"$1\" > share");

    table.row("set", "somebody else changes the share right after", failure);
    goesOnAndBack();
  }

  private void somebodyElseChangesItLater() throws IOException {
    assertThat(attempt(25)).isEmpty();
    Files.writeString(share(), "40\n");

    Optional<ApplicationFailure> failure =
        FaultTable.failure(() -> traffic().watch(25).look(new Attempt()));

    assertThat(share()).hasContent("40\n");
    table.row("read", "somebody else changes the share while it is watched", failure);
    goesOnAndBack();
  }

  private void workerIsKilledBeforeItReports() throws IOException {
    assertThat(attempt(25)).isEmpty();

    table.row(
        "set",
        "worker killed after it, before it could report it",
        "another worker runs it again; set once more to the same share",
        "");
    goesOnAndBack();
  }

  private void workerIsStopped() throws Exception {
    set.next(Fault.WAITS);
    AtomicReference<Optional<ApplicationFailure>> failure = new AtomicReference<>(Optional.empty());
    Thread worker = new Thread(() -> failure.set(attempt(25)));
    worker.start();
    set.awaitWaits();

    worker.interrupt();
    worker.join();
    set.letGo();

    assertThat(share()).hasContent("0\n");
    table.row("set", "worker stopped while it runs", failure.get());
    goesOnAndBack();
  }

  private void workerIsKilledWhileItRuns() throws Exception {
    killTheWorkerWhileItSets25();

    assertThat(attempt(25)).isEmpty();

    table.row(
        "set",
        "worker killed while it runs",
        "ended by SIGTERM, before it has set anything; another worker runs it again",
        "");
    goesOnAndBack();
  }

  private void aLateSetNeverUndoesTheWayBack() throws Exception {
    killTheWorkerWhileItSets25();

    assertThat(attempt(0)).isEmpty();

    assertThat(share()).hasContent("0\n");
    table.row(
        "set",
        "worker killed while it runs; then the way back is taken",
        "ended by SIGTERM; the share stays as the way back has set it",
        "");
    goesOnAndBack();
  }

  private void killTheWorkerWhileItSets25() throws Exception {
    set.next(Fault.WAITS);
    try (KilledWorker worker =
        KilledWorker.start(CommandFaultsTest.class, set.words().get(0), read.words().get(0))) {
      set.awaitWaits();
      worker.kill();
    }
    set.awaitGone();
    set.letGo(); // nobody is left to notice
    assertThat(share()).hasContent("0\n");
  }

  /** What a worker does that is killed: it sets 25 with the command of the first argument. */
  public static void main(String[] arguments) {
    new CommandTraffic(
            new TrafficSpec.Command(List.of(arguments[0]), List.of(arguments[1])),
            Duration.ofMinutes(5))
        .set(25, new Attempt());
  }

  /** Such a one is nobody's child any more, and goes on. */
  private void theCommandOfAKilledWorkerDoesNotCareForSignals() throws Exception {
    set.next(Fault.WAITS);
    CompletableFuture<Void> left =
        new ProcessBuilder(setting(25)).start().onExit().thenAccept(ended -> {});
    set.awaitWaits();

    assertThat(attempt(25)).isEmpty();
    set.letGo();
    left.get(20, TimeUnit.SECONDS);

    table.row(
        "set",
        "worker killed while it runs, and it ignores SIGTERM; it ends after another worker has run it",
        "set once more to the same share",
        "");
    goesOnAndBack();
  }

  private List<String> setting(int percent) {
    return List.of(set.words().get(0), Integer.toString(percent));
  }

  /** The step comes again without the fault; then the way back is taken. */
  private void goesOnAndBack() {
    assertThat(attempt(25)).isEmpty();
    assertThat(share()).hasContent("25\n");
    assertThat(traffic().missing(25)).isEmpty();
    assertThat(attempt(0)).isEmpty();
    assertThat(share()).hasContent("0\n");
  }

  private Optional<ApplicationFailure> attempt(int percent) {
    return FaultTable.failure(() -> traffic().set(percent, new Attempt()));
  }

  private CommandTraffic traffic() {
    return new CommandTraffic(
        new TrafficSpec.Command(set.words(), read.words()), Duration.ofSeconds(1));
  }

  private Path share() {
    return directory.resolve("share");
  }
}
