package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.Connect;
import dev.whimbrel.secrets.Secrets;
import io.temporal.failure.ApplicationFailure;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The followers that a runbook names under {@code connect}. */
final class ConnectFollowers implements Followers {
  private static final Logger LOG = LoggerFactory.getLogger(ConnectFollowers.class);

  private final List<Pooler> poolers = new ArrayList<>();
  private final List<Connect.Command> commands = new ArrayList<>();
  private final Move move;
  private boolean paused;

  ConnectFollowers(Move move, Secrets secrets) {
    this.move = move;
    for (Connect connect : move.connect()) {
      if (connect.pgbouncer() != null) {
        poolers.add(new Pooler(connect.pgbouncer(), secrets));
      } else if (connect.command() != null) {
        commands.add(connect.command());
      }
      // A name is moved by its own step, and people move what is manual.
    }
  }

  @Override
  public void ready(Side to) {
    poolers.forEach(pooler -> pooler.ready(move.on(to), to));
  }

  @Override
  public void pause(Duration limit) {
    paused = true;
    AtOnce.run(poolers, pooler -> pooler.pause(limit));
  }

  @Override
  public void follow(Side to) {
    paused = true;
    // Each goes on by itself: the side is open, and nobody needs to wait for somebody else.
    AtOnce.run(poolers, pooler -> pooler.lead(move.on(to), to));
    paused = false;
    for (Connect.Command command : commands) {
      Commands.run(to == Side.TARGET ? command.doIt() : command.undo());
    }
  }

  @Override
  public boolean haveLeft(Side side) {
    boolean all = true;
    for (Pooler pooler : poolers) {
      all &= pooler.hasLeft(move.on(side));
    }
    return all;
  }

  @Override
  public void resumeIfPossible() {
    for (Pooler pooler : poolers) {
      try {
        pooler.resume();
      } catch (ApplicationFailure e) {
        LOG.warn("left as it is: {}", e.getOriginalMessage());
      }
    }
  }

  @Override
  public int tripsToPause() {
    return poolers.isEmpty() ? 0 : 1;
  }

  @Override
  public void close() {
    try {
      if (paused) {
        AtOnce.run(poolers, Pooler::resume);
      }
    } finally {
      poolers.forEach(Pooler::close);
    }
  }

  /** Runs what the runbook says. */
  static final class Commands {
    private static final Duration LIMIT = Duration.ofSeconds(60);

    private Commands() {}

    static void run(List<String> command) {
      try {
        Process process =
            new ProcessBuilder(command)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        process.getOutputStream().close();
        if (!process.waitFor(LIMIT.toSeconds(), java.util.concurrent.TimeUnit.SECONDS)) {
          process.destroyForcibly();
          throw failed(command, "did not end within " + LIMIT.toSeconds() + " s");
        }
        if (process.exitValue() != 0) {
          throw failed(command, "ended with " + process.exitValue());
        }
      } catch (java.io.IOException e) {
        throw failed(command, "cannot be started on this worker");
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw Failures.transientFailure("Interrupted while " + command.get(0) + " ran");
      }
    }

    private static RuntimeException failed(List<String> command, String how) {
      return Failures.needsHelp(
          "The command that makes applications follow " + how + ": " + command.get(0),
          "run it by hand or mend it, then retry",
          String.join(" ", command));
    }
  }
}
