package dev.whimbrel.compute;

import dev.whimbrel.activity.ChangePlan;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.checks.CommandProbe;
import dev.whimbrel.runbook.ProvisionSpec;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * Machines that a command of the team's own makes, for Helm, Terraform and the like. The commands
 * run on the worker, without a shell; each may be run again at any time.
 */
final class CommandCompute {
  /** Terraform with a managed database takes its time. */
  private static final Duration LIMIT = Duration.ofHours(1);

  private static final Duration CHECK = Duration.ofMinutes(5);

  private final ProvisionSpec.Command spec;
  private final Looks looks;
  private final Duration limit;

  CommandCompute(ProvisionSpec.Command spec, Looks looks) {
    this(spec, looks, LIMIT);
  }

  /** Commands that are ended after a limit. */
  CommandCompute(ProvisionSpec.Command spec, Looks looks, Duration limit) {
    this.spec = spec;
    this.looks = looks;
    this.limit = limit;
  }

  /** The commands that would be run, forward and back. */
  static ChangePlan plan(ProvisionSpec.Command spec) {
    return new ChangePlan(
        List.of(), List.of(words(spec.doIt()), words(spec.check())), List.of(words(spec.undo())));
  }

  String make() {
    require("provision.command.do", spec.doIt());
    return "'%s' ended with 0".formatted(words(spec.doIt()));
  }

  String awaitHealthy() {
    looks.until(
        () ->
            run("provision.command.check", spec.check(), shorter(CHECK))
                .map(what -> "'%s' %s".formatted(words(spec.check()), what)),
        "see why the check does not pass; repair it or roll back, then retry");
    return "'%s' ended with 0".formatted(words(spec.check()));
  }

  String remove() {
    require("provision.command.undo", spec.undo());
    return "'%s' ended with 0".formatted(words(spec.undo()));
  }

  private void require(String key, List<String> command) {
    Optional<String> failed = run(key, command, limit);
    if (failed.isPresent()) {
      throw Failures.needsHelp(
          "%s: '%s' %s".formatted(key, words(command), failed.get()),
          "remove the cause, then retry: the command is run again",
          words(command));
    }
  }

  private Duration shorter(Duration other) {
    return limit.compareTo(other) < 0 ? limit : other;
  }

  private Optional<String> run(String key, List<String> command, Duration limit) {
    looks.look(words(command));
    looks.requireTime();
    try {
      return CommandProbe.output(command, limit, looks.variables()).failure();
    } catch (IOException e) {
      throw Failures.needsHelp(
          "%s: '%s': %s".formatted(key, words(command), e.getMessage()),
          "install it on every worker, then retry",
          null);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw Failures.transientFailure("Interrupted: '%s' was stopped".formatted(words(command)));
    }
  }

  private static String words(List<String> command) {
    return String.join(" ", command);
  }
}
