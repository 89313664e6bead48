package dev.whimbrel.checks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CommandProbeTest {
  private static final Duration SOON = Duration.ofSeconds(50);

  @Test
  void isContentWithACommandThatEndsWithZero() throws Exception {
    assertThat(CommandProbe.run(List.of("true"), SOON)).isEmpty();
  }

  @Test
  void passesArgumentsWithoutAShell() throws Exception {
    assertThat(CommandProbe.run(List.of("ls", "$HOME; true"), SOON).orElseThrow())
        .startsWith("ended with 2; it said: ls:")
        .contains("$HOME; true");
  }

  @Test
  void repeatsTheLastLinesOfAFailure() throws Exception {
    assertThat(CommandProbe.run(shell("seq 1 100; echo broken >&2; exit 3"), SOON))
        .contains("ended with 3; it said: 97 / 98 / 99 / 100 / broken");
    assertThat(CommandProbe.run(List.of("false"), SOON)).contains("ended with 1, without output");
  }

  @Test
  void saysThatACommandIsNotThere() {
    assertThatThrownBy(() -> CommandProbe.run(List.of("/no/such/suite"), SOON))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("it cannot be started on this worker: ");
  }

  @Test
  void tellsACommandThatMayNotBeRunFromOneThatFails(@TempDir Path directory) throws Exception {
    Path file = Files.writeString(directory.resolve("suite"), "#!/bin/sh\n");

    assertThatThrownBy(() -> CommandProbe.run(List.of(file.toString()), SOON))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("it cannot be started on this worker: ")
        .hasMessageContaining(file.toString());
    assertThat(CommandProbe.run(shell("echo setpriv; exit 127"), SOON))
        .contains("ended with 127; it said: setpriv");
  }

  @Test
  void handsVariablesOnBesideTheWorkersOwn() throws Exception {
    assertThat(
            CommandProbe.output(
                    shell("echo $WHIMBREL_MIGRATION $PATH"),
                    SOON,
                    Map.of("WHIMBREL_MIGRATION", "shop"))
                .lastLine())
        .isEqualTo("shop " + System.getenv("PATH"));
  }

  @Test
  void endsACommandWithEverythingItStartedAtItsLimit(@TempDir Path directory) throws Exception {
    Path pid = directory.resolve("pid");

    assertThat(
            CommandProbe.run(
                shell("sleep 300 & echo $! > " + pid + "; echo started; wait"),
                Duration.ofSeconds(1)))
        .contains("did not end within 1 s and was stopped; it said: started");

    awaitGone(pid);
  }

  @Test
  void endsACommandWhenItsThreadIsInterrupted(@TempDir Path directory) throws Exception {
    Path pid = directory.resolve("pid");
    AtomicBoolean interrupted = new AtomicBoolean();
    Thread thread =
        new Thread(
            () -> {
              try {
                CommandProbe.run(shell("echo $$ > " + pid + "; sleep 300"), SOON);
              } catch (InterruptedException e) {
                interrupted.set(true);
              } catch (IOException e) {
                throw new AssertionError(e);
              }
            });
    thread.start();
    await("the command", () -> Files.exists(pid) && Files.size(pid) > 0);

    thread.interrupt();
    thread.join(30_000);

    assertThat(interrupted).isTrue();
    awaitGone(pid);
  }

  @Test
  void doesNotWaitForWhatACommandLeavesRunning() throws Exception {
    long start = System.nanoTime();

    assertThat(CommandProbe.run(shell("sleep 60 & exit 0"), SOON)).isEmpty();

    assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(30));
  }

  private static List<String> shell(String script) {
    return List.of("sh", "-c", script);
  }

  private static void awaitGone(Path pid) throws Exception {
    long number = Long.parseLong(Files.readString(pid).strip());
    await(
        "end of process " + number,
        () -> ProcessHandle.of(number).map(process -> !process.isAlive()).orElse(true));
  }

  private interface Condition {
    boolean holds() throws IOException;
  }

  private static void await(String what, Condition condition) throws Exception {
    long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
    while (!condition.holds()) {
      assertThat(System.nanoTime()).as(what).isLessThan(deadline);
      Thread.sleep(10);
    }
  }
}
