package dev.whimbrel.cli;

import dev.whimbrel.activity.CloneReport;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.copy.CloneResult;
import dev.whimbrel.copy.CloneResult.Ending;
import dev.whimbrel.copy.CloneStart;
import dev.whimbrel.copy.CloneStatus;
import dev.whimbrel.copy.CloneWorkflow;
import io.temporal.failure.CanceledFailure;
import io.temporal.workflow.Workflow;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;

/** A clone that ends as its name says; "waiting" goes on until it is cancelled. */
public class FakeClone implements CloneWorkflow {
  /** How often its status was asked for. */
  static final AtomicInteger ASKED = new AtomicInteger();

  private static final Finding BLOCKER =
      new Finding(
          Finding.Level.BLOCKER,
          "target-not-empty",
          "target",
          "is not empty.",
          "drop what is there");

  @Override
  public CloneResult make(CloneStart start) {
    return switch (start.name()) {
      case "refused" ->
          new CloneResult(
              Ending.REFUSED,
              "1 blockers; nothing was changed",
              "mend what they name, then run the clone again",
              null,
              2,
              List.of(BLOCKER),
              null,
              null,
              List.of());
      case "failed" ->
          new CloneResult(
              Ending.FAILED,
              "the disk is full",
              "make room",
              "df",
              60,
              List.of(),
              null,
              null,
              List.of("what this clone brought is still on the target: drop the database"));
      case "waiting" -> wait(start);
      default -> done(start);
    };
  }

  private static CloneResult wait(CloneStart start) {
    try {
      Workflow.sleep(Duration.ofDays(30));
      return done(start);
    } catch (CanceledFailure e) {
      CloneResult result =
          new CloneResult(
              Ending.CANCELLED,
              "cancelled while it was copying rows",
              null,
              null,
              3,
              List.of(),
              null,
              null,
              List.of());
      Workflow.upsertMemo(Map.of(ENDED_AS, result));
      return result;
    }
  }

  private static CloneResult done(CloneStart start) {
    long differences = start.name().equals("differs") ? 1 : 0;
    VerificationReport verification =
        new VerificationReport(
            Instant.EPOCH,
            3,
            300,
            differences,
            0,
            differences == 0 ? List.of() : List.of("public.orders (id)=(7): differs in note"),
            List.of("public.quick: it is unlogged: streams do not carry it"),
            List.of());
    return new CloneResult(
        Ending.CLONED,
        "300 rows in 3 tables, as of snapshot 7:9:8, taken at 2026-11-29T12:00:00Z",
        null,
        null,
        65,
        List.of(),
        new CloneReport(
            3,
            300,
            4_000,
            5,
            "7:9:8",
            "2026-11-29T12:00:00Z",
            "0/AB",
            2,
            2_000,
            List.of("publication ours")),
        start.verify() ? verification : null,
        List.of());
  }

  @Override
  public CloneStatus status() {
    ASKED.incrementAndGet();
    return new CloneStatus(
        "copying rows and building indexes",
        List.of("looking at both databases", "claiming the target"),
        List.of("collation: target: sorts otherwise."));
  }
}
