package dev.whimbrel.migration;

import dev.whimbrel.activity.Breach;
import dev.whimbrel.activity.Checks;
import dev.whimbrel.activity.Failures.Help;
import dev.whimbrel.activity.GuardRequest;
import dev.whimbrel.activity.Move;
import dev.whimbrel.runbook.GuardSpec;
import dev.whimbrel.runbook.Runbook;
import io.temporal.failure.CanceledFailure;
import io.temporal.failure.TemporalFailure;
import io.temporal.workflow.Async;
import io.temporal.workflow.CancellationScope;
import io.temporal.workflow.Promise;
import io.temporal.workflow.Workflow;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The guards: one coroutine each, in a scope of their own, from cutover to the end of the rollback
 * window, whatever else is waited for. A breach asks a person, or, where the runbook says so, asks
 * for the rollback by itself, at most once.
 */
final class Guards {
  private static final int LABEL = 100;

  private final Runbook runbook;
  private final Board board;
  private final Course course;
  private final List<Promise<Void>> watching = new ArrayList<>();
  private @Nullable CancellationScope scope;

  Guards(Runbook runbook, Board board, Course course) {
    this.runbook = runbook;
    this.board = board;
    this.course = course;
  }

  /** Starts all of them; again is harmless. */
  void start() {
    if (scope != null) {
      return;
    }
    CancellationScope own =
        Workflow.newCancellationScope(
            () -> {
              List<GuardSpec> guards = runbook.guards();
              for (int i = 0; i < guards.size(); i++) {
                int number = i + 1;
                GuardSpec guard = guards.get(i);
                watching.add(Async.procedure(() -> watch(number, guard)));
              }
            });
    scope = own;
    own.run();
  }

  /** Asks all of them to stop and does not wait. */
  void cancel() {
    if (scope != null) {
      scope.cancel("the rollback window is over");
    }
  }

  /** Stops all of them and waits until no worker is at them any more; again is harmless. */
  void stop() {
    cancel();
    Workflow.await(() -> watching.stream().allMatch(Promise::isCompleted));
  }

  private void watch(int number, GuardSpec guard) {
    String id = id(number);
    Checks checks =
        Timeouts.call(Checks.class, Timeouts.WATCH, id + ": watch " + shortened(subject(guard)));
    GuardRequest request =
        new GuardRequest(
            Move.of(runbook),
            guard,
            number,
            runbook.source().addresses(),
            runbook.target().addresses());
    boolean mayAct = guard.then().equals("rollback");
    try {
      while (true) {
        Help help;
        try {
          Breach breach = checks.awaitBreach(request);
          if (mayAct) {
            mayAct = false;
            if (course.ask(new RollbackRequest(id, breach.line(), false))) {
              return;
            }
          }
          help =
              new Help(
                  subject(guard) + ": " + breach.line(),
                  "Roll back, or retry to go on and watch again.",
                  "whimbrel rollback " + runbook.name() + " --reason \"" + id + "\"");
        } catch (TemporalFailure e) {
          if (CancellationScope.current().isCancelRequested()) {
            return;
          }
          help = Judgement.help(id, e);
        }
        if (!board.parking().park(id, help, true).retry()) {
          return;
        }
      }
    } catch (CanceledFailure e) {
      // The guard's time is over while a person was being asked.
      return;
    }
  }

  /** {@code guard.1}: what status, history, retry and skip call it. */
  static String id(int number) {
    return "guard." + number;
  }

  /** Temporal takes labels of a few hundred bytes, and a query may be longer. */
  private static String shortened(String text) {
    return text.length() <= LABEL ? text : text.substring(0, LABEL) + "…";
  }

  private static String subject(GuardSpec guard) {
    if (guard.http() != null) {
      return guard.http();
    }
    if (guard.prometheus() != null) {
      return guard.prometheus().query();
    }
    return guard.sql() != null
        ? guard.sql()
        : String.join(
            " ", List.copyOf(guard.command() == null ? List.of("nothing") : guard.command()));
  }
}
