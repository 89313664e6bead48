package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** This process's end of a {@link PoolerGuardian}: starts it and feeds it its heartbeat. */
final class Guardian implements AutoCloseable {
  private static final Duration BEAT = Duration.ofMillis(300);

  /** Below {@link PoolerGuardian#SILENCE_MILLIS} by more than a word needs to get there. */
  private static final Duration SILENCE =
      Duration.ofMillis(PoolerGuardian.SILENCE_MILLIS).dividedBy(2);

  private final Process process;
  private final Writer words;
  private final Thread beat;
  private volatile boolean ended;
  private long lastWord = System.nanoTime();
  private boolean silent;

  private Guardian(Process process, Writer words) {
    this.process = process;
    this.words = words;
    this.beat = new Thread(this::beat, "whimbrel-guardian-beat");
    beat.setDaemon(true);
    beat.start();
  }

  /** Starts a guardian and waits until it has reached the console. */
  static Guardian start(String admin, @Nullable String password, String database) {
    List<String> command = new ArrayList<>();
    if (Files.isExecutable(Path.of("/usr/bin/setsid"))) {
      // A session of its own: what kills this process's group spares the guardian.
      command.add("/usr/bin/setsid");
    }
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("-Xshare:auto");
    command.add("-XX:TieredStopAtLevel=1");
    command.add("-Xmx64m");
    command.add("-cp");
    command.add(System.getProperty("java.class.path"));
    command.add(PoolerGuardian.class.getName());
    try {
      Process process =
          new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
      Writer words = new OutputStreamWriter(process.getOutputStream(), StandardCharsets.UTF_8);
      // By its standard input, where no process list shows them.
      words.write(admin + "\n" + (password == null ? "" : password) + "\n" + database + "\n");
      words.flush();
      BufferedReader answer = process.inputReader(StandardCharsets.UTF_8);
      String line = answer.readLine();
      if (!"ready".equals(line)) {
        process.destroyForcibly();
        throw Failures.transientFailure(
            "The guardian of PgBouncer did not reach its console: "
                + (line == null ? "it ended" : line));
      }
      return new Guardian(process, words);
    } catch (IOException e) {
      throw Failures.transientFailure("The guardian of PgBouncer cannot be started");
    }
  }

  boolean alive() {
    return process.isAlive() && !ended;
  }

  /** From now on silence makes it resume the pooler. */
  synchronized void paused() {
    say("paused");
    silent = false;
  }

  /** Whether it may have resumed the pooler since {@link #paused}, for want of a word. */
  synchronized boolean mayHaveResumed() {
    return silent || !alive() || System.nanoTime() - lastWord > SILENCE.toNanos();
  }

  /** The pooler was resumed: there is nothing to guard. */
  void resumed() {
    say("resumed");
  }

  @Override
  public void close() {
    say("done");
    ended = true;
    beat.interrupt();
    try {
      words.close();
    } catch (IOException e) {
      // It has ended already.
    }
  }

  private synchronized void say(String word) {
    try {
      long now = System.nanoTime();
      silent |= now - lastWord > SILENCE.toNanos();
      lastWord = now;
      words.write(word + "\n");
      words.flush();
    } catch (IOException e) {
      ended = true;
    }
  }

  private void beat() {
    while (!ended) {
      say("beat");
      try {
        Thread.sleep(BEAT.toMillis());
      } catch (InterruptedException e) {
        return;
      }
    }
  }
}
