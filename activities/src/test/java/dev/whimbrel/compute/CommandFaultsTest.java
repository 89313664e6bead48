package dev.whimbrel.compute;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.FaultTable;
import dev.whimbrel.FaultyCommand;
import dev.whimbrel.FaultyCommand.Fault;
import dev.whimbrel.KilledWorker;
import dev.whimbrel.runbook.ProvisionSpec;
import io.temporal.failure.ApplicationFailure;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands under {@code provision.command} go wrong in every way. */
class CommandFaultsTest {
  private static final Pace SHORT =
      new Pace(Duration.ofMillis(20), Duration.ofMillis(1), Duration.ofMillis(100));
  private static final Set<Fault> CHANGING =
      EnumSet.complementOf(EnumSet.of(Fault.WAITS, Fault.SILENT));
  private static final Set<Fault> LOOKING =
      EnumSet.complementOf(
          EnumSet.of(
              Fault.WAITS,
              Fault.SILENT,
              Fault.DONE_AND_FAILS,
              Fault.DONE_AND_SIGNAL,
              Fault.DONE_AND_HANGS));

  @TempDir private Path directory;

  private final FaultTable table =
      new FaultTable("provision-command", "Commands of one's own that make machines");

  private FaultyCommand make;
  private FaultyCommand check;
  private FaultyCommand undo;

  @BeforeEach
  void begin() throws IOException {
    table.hiding(directory.toString(), "/opt/shop").hiding("(After|within) \\d+ s\\b", "$1 … s");
    Files.writeString(directory.resolve("bystander"), "7\n");
    make = new FaultyCommand(directory, "do", "echo made > machine");
    check = new FaultyCommand(directory, "check", "test -f machine");
    undo = new FaultyCommand(directory, "undo", "rm -f machine");
  }

  @Test
  void nothingIsLostAndEveryMessageSaysWhatToDo() throws Exception {
    for (Fault fault : CHANGING) {
      goesWrong("do", make, fault);
    }
    for (Fault fault : LOOKING) {
      goesWrong("check", check, fault);
    }
    for (Fault fault : CHANGING) {
      goesWrong("undo", undo, fault);
    }
    somebodyElseRemovesThem();
    workerIsKilledWhileItRuns("do", make);
    workerIsKilledWhileItRuns("undo", undo);
    aLateDoMakesNothingAfterItsUndo();
    theCommandOfAKilledWorkerDoesNotCareForSignals("do", make);
    theCommandOfAKilledWorkerDoesNotCareForSignals("undo", undo);

    assertThat(directory.resolve("bystander")).hasContent("7\n");
    table.check();
  }

  private void goesWrong(String name, FaultyCommand command, Fault fault) throws IOException {
    if (!name.equals("do")) {
      compute().make();
    }
    command.next(fault);
    Optional<ApplicationFailure> failure = FaultTable.failure(step(name));
    command.heal();

    table.row(name, fault.words(), failure);
    goesOnAndBack(name);
  }

  private void somebodyElseRemovesThem() throws IOException {
    compute().make();
    Files.delete(machine());
    Optional<ApplicationFailure> check = FaultTable.failure(step("check"));
    Optional<ApplicationFailure> undo = FaultTable.failure(step("undo"));

    table.row("check", "somebody else has removed what was made", check);
    table.row("undo", "somebody else has removed what was made", undo);
    goesOnAndBack("do");
  }

  private void workerIsKilledWhileItRuns(String name, FaultyCommand command) throws Exception {
    if (!name.equals("do")) {
      compute().make();
    }
    boolean before = Files.exists(machine());
    killTheWorkerWhile(name, command);

    assertThat(Files.exists(machine())).isEqualTo(before);
    table.row(
        name,
        "worker killed while it runs",
        "ended by SIGTERM, before it has done anything; another worker runs it again",
        "");
    goesOnAndBack(name);
  }

  private void aLateDoMakesNothingAfterItsUndo() throws Exception {
    killTheWorkerWhile("do", make);

    compute().remove();

    assertThat(machine()).doesNotExist();
    table.row(
        "do",
        "worker killed while it runs; then the way back is taken",
        "ended by SIGTERM; nothing is made after the undo",
        "");
    goesOnAndBack("do");
  }

  private void killTheWorkerWhile(String name, FaultyCommand command) throws Exception {
    command.next(Fault.WAITS);
    try (KilledWorker worker =
        KilledWorker.start(
            CommandFaultsTest.class,
            name,
            make.words().get(0),
            check.words().get(0),
            undo.words().get(0))) {
      command.awaitWaits();
      worker.kill();
    }
    command.awaitGone();
    command.letGo(); // nobody is left to notice
  }

  /** What a worker does that is killed: {@code do} or {@code undo}, then the three commands. */
  public static void main(String[] arguments) {
    CommandCompute compute =
        new CommandCompute(
            new ProvisionSpec.Command(
                List.of(arguments[1]), List.of(arguments[2]), List.of(arguments[3])),
            new Looks(SHORT),
            Duration.ofMinutes(5));
    if (arguments[0].equals("do")) {
      compute.make();
    } else {
      compute.remove();
    }
  }

  /** Such a one is nobody's child any more, and goes on. */
  private void theCommandOfAKilledWorkerDoesNotCareForSignals(String name, FaultyCommand command)
      throws Exception {
    if (!name.equals("do")) {
      compute().make();
    }
    command.next(Fault.WAITS);
    Process left = new ProcessBuilder(command.words()).start();
    command.awaitWaits();

    step(name).run();
    command.letGo();

    assertThat(left.waitFor(20, TimeUnit.SECONDS)).isTrue();
    table.row(
        name,
        "worker killed while it runs, and it ignores SIGTERM; it ends after another worker has run it",
        "run once more, to the same end",
        "");
    goesOnAndBack(name);
  }

  /** The step comes again without the fault; then the way back is taken. */
  private void goesOnAndBack(String name) {
    step(name).run();
    if (!name.equals("undo")) {
      assertThat(machine()).hasContent("made\n");
      compute().remove();
    }
    assertThat(machine()).doesNotExist();
  }

  private Runnable step(String name) {
    return switch (name) {
      case "do" -> () -> compute().make();
      case "check" -> () -> compute().awaitHealthy();
      default -> () -> compute().remove();
    };
  }

  private CommandCompute compute() {
    return new CommandCompute(
        new ProvisionSpec.Command(make.words(), check.words(), undo.words()),
        new Looks(SHORT),
        Duration.ofSeconds(1));
  }

  private Path machine() {
    return directory.resolve("machine");
  }
}
