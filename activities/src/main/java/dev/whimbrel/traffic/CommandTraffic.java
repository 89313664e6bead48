package dev.whimbrel.traffic;

import dev.whimbrel.activity.ChangePlan;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.attempt.Attempt;
import dev.whimbrel.checks.CommandProbe;
import dev.whimbrel.checks.CommandProbe.Ended;
import dev.whimbrel.runbook.TrafficSpec;
import io.temporal.failure.ApplicationFailure;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Commands of the team's own: one sets the target's share, the other prints it. */
final class CommandTraffic implements TrafficProvider {
  /** For a call to some balancer's API; within the step's own time, both commands together. */
  private static final Duration LIMIT = Duration.ofSeconds(45);

  private static final Duration HEARTBEAT = Duration.ofSeconds(1);

  private final TrafficSpec.Command commands;
  private final Duration limit;

  CommandTraffic(TrafficSpec.Command commands) {
    this(commands, LIMIT);
  }

  /** Commands that are ended after a limit. */
  CommandTraffic(TrafficSpec.Command commands, Duration limit) {
    this.commands = commands;
    this.limit = limit;
  }

  @Override
  public ChangePlan plan(int share) {
    List<Finding> findings = List.of();
    try {
      int now = read(new Attempt());
      if (now != 0) {
        findings =
            List.of(
                new Finding(
                    Finding.Level.WARNING,
                    "traffic-share",
                    shown(commands.read()),
                    "expected a share of 0 before the migration, found %d: a rollback sets 0."
                        .formatted(now),
                    shown(setting(0))));
      }
    } catch (ApplicationFailure e) {
      if (Failures.TRANSIENT.equals(e.getType())) {
        throw e;
      }
      findings =
          List.of(
              new Finding(
                  Finding.Level.BLOCKER,
                  "traffic-share",
                  "traffic.command.read",
                  e.getOriginalMessage() + ".",
                  "let it print the target's share, 0 to 100, on its last line."));
    }
    return new ChangePlan(findings, List.of(shown(setting(share))), List.of(shown(setting(0))));
  }

  @Override
  public String set(int share, Attempt attempt) {
    attempt.requireMoment();
    run(setting(share), attempt);
    int now = read(attempt);
    if (now != share) {
      throw Failures.transientFailure(differs(share, now));
    }
    return "the target's share is %d %%".formatted(share);
  }

  @Override
  public Optional<String> missing(int share) {
    int now = read(new Attempt());
    return now == share ? Optional.empty() : Optional.of(differs(share, now));
  }

  @Override
  public Watch watch(int share) {
    return attempt -> {
      int now;
      try {
        now = read(attempt);
      } catch (ApplicationFailure e) {
        if (Failures.TRANSIENT.equals(e.getType())) {
          return new Seen(false, e.getOriginalMessage(), e.getOriginalMessage());
        }
        throw e;
      }
      if (now != share) {
        throw Failures.needsHelp(
            "The share was changed by somebody else: " + differs(share, now),
            "stop whoever changes it, set it by hand, then retry",
            shown(setting(share)));
      }
      return new Seen(false, "%s prints %d".formatted(shown(commands.read()), now));
    };
  }

  private List<String> setting(int share) {
    return Stream.concat(commands.set().stream(), Stream.of(Integer.toString(share))).toList();
  }

  private String differs(int wanted, int found) {
    return "expected a share of %d, `%s` prints %d"
        .formatted(wanted, shown(commands.read()), found);
  }

  private int read(Attempt attempt) {
    String last = run(commands.read(), attempt);
    if (!last.strip().matches("(100|\\d{1,2})\\s*%?")) {
      throw Failures.needsHelp(
          "`%s` ended with 0, but its last line is no share: expected a number from 0 to 100, found '%s'"
              .formatted(shown(commands.read()), last.strip()),
          "let it print the target's share in percent on its last line",
          null);
    }
    return Integer.parseInt(last.strip().replaceAll("\\D", ""));
  }

  /** Runs a command while this attempt beats; a cancellation ends it with all that it started. */
  private String run(List<String> command, Attempt attempt) {
    ExecutorService thread =
        Executors.newSingleThreadExecutor(
            work -> {
              Thread daemon = new Thread(work, "traffic command");
              daemon.setDaemon(true);
              return daemon;
            });
    try {
      Future<Ended> running =
          thread.submit(() -> CommandProbe.output(command, limit, attempt.variables()));
      Ended ended = await(running, command, attempt);
      if (ended.failure().isPresent()) {
        throw Failures.transientFailure("`%s` %s".formatted(shown(command), ended.failure().get()));
      }
      return ended.lastLine();
    } finally {
      thread.shutdownNow();
    }
  }

  private static Ended await(Future<Ended> running, List<String> command, Attempt attempt) {
    for (long looks = 1; ; looks++) {
      attempt.beat("running " + shown(command), looks);
      try {
        return running.get(HEARTBEAT.toMillis(), TimeUnit.MILLISECONDS);
      } catch (TimeoutException e) {
        // Not yet; the next heartbeat also brings a cancellation.
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw Failures.transientFailure("Interrupted: this worker is stopping");
      } catch (ExecutionException e) {
        if (e.getCause() instanceof IOException cause) {
          throw Failures.needsHelp(
              "`%s`: %s".formatted(shown(command), cause.getMessage()),
              "correct traffic.command in the runbook, or install it on every worker",
              null);
        }
        throw new IllegalStateException(e.getCause());
      }
    }
  }

  private static String shown(List<String> command) {
    return command.stream().collect(Collectors.joining(" "));
  }
}
