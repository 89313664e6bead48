package dev.whimbrel.cli;

import dev.whimbrel.activity.DifferingRow;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.migration.Approval;
import dev.whimbrel.migration.Decision;
import dev.whimbrel.migration.MigrationResult;
import dev.whimbrel.migration.MigrationStatus;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.migration.MigrationWorkflow;
import dev.whimbrel.migration.Mirror;
import dev.whimbrel.migration.RollbackRequest;
import dev.whimbrel.migration.Start;
import dev.whimbrel.migration.StepDecision;
import dev.whimbrel.migration.VerificationState;
import io.temporal.common.converter.RawValue;
import io.temporal.failure.ApplicationFailure;
import io.temporal.failure.CanceledFailure;
import io.temporal.workflow.Workflow;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** A migration that only waits for an approval, and notes what it is told. */
public class FakeMigration implements MigrationWorkflow {
  private final List<String> told = new ArrayList<>();
  private String name = "";
  private Instant since = Instant.EPOCH;
  private MigrationResult.@Nullable Ending ending;

  @Override
  public MigrationResult migrate(Start start) {
    name = start.runbook().name();
    since = Instant.ofEpochMilli(Workflow.currentTimeMillis());
    Workflow.upsertMemo(
        Map.of(
            Mirror.PHASE, "cutover",
            Mirror.STATE, "WAITING_FOR_APPROVAL",
            Mirror.SINCE, since.toString(),
            Mirror.STEP, "cutover.approval",
            Mirror.WAITING_FOR, "approval",
            Mirror.WRITES_GO_TO, "source"));
    try {
      Workflow.await(() -> ending != null);
    } catch (CanceledFailure e) {
      told.add("cancelled");
      ending = MigrationResult.Ending.ROLLED_BACK;
    }
    MigrationResult result =
        new MigrationResult(
            Objects.requireNonNull(ending),
            "told: " + String.join(", ", told),
            List.of("slot whimbrel_shop_base on the target"));
    Workflow.upsertMemo(Map.of(Mirror.RESULT, result.ending().name(), Mirror.ENDED_AS, result));
    return result;
  }

  @Override
  public String promote(RollbackRequest request) {
    told.add("promote by " + request.by() + (request.acceptLoss() ? " accepting loss" : ""));
    return "Opening the target";
  }

  @Override
  public void validatePromote(RollbackRequest request) {}

  @Override
  public void rollback(@Nullable RawValue payload) {
    told.add("rollback signal");
    ending = MigrationResult.Ending.ROLLED_BACK;
  }

  @Override
  public String requestRollback(RollbackRequest request) {
    told.add("rollback by " + request.by() + (request.acceptLoss() ? " accepting loss" : ""));
    ending = MigrationResult.Ending.ROLLED_BACK;
    return "Rolling back";
  }

  @Override
  public void validateRequestRollback(RollbackRequest request) {}

  @Override
  public String approve(Approval approval) {
    told.add("approve by " + approval.by() + " of " + approval.findings());
    ending = MigrationResult.Ending.MIGRATED;
    return "Approved";
  }

  @Override
  public void validateApprove(Approval approval) {
    if (!approval.by().equals("ana@example.com")) {
      throw ApplicationFailure.newNonRetryableFailure(
          "Cannot approve: "
              + approval.by()
              + " may not. The runbook's approvers names ana@example.com.",
          "Refused");
    }
  }

  @Override
  public String reject(Decision decision) {
    return note("reject", decision);
  }

  @Override
  public void validateReject(Decision decision) {}

  @Override
  public String pause(Decision decision) {
    return note("pause", decision);
  }

  @Override
  public void validatePause(Decision decision) {}

  @Override
  public String resume(Decision decision) {
    return note("resume", decision);
  }

  @Override
  public void validateResume(Decision decision) {}

  @Override
  public String retry(StepDecision decision) {
    return note("retry " + decision.step(), new Decision(decision.by(), decision.reason()));
  }

  @Override
  public void validateRetry(StepDecision decision) {}

  @Override
  public String skip(StepDecision decision) {
    return note("skip " + decision.step(), new Decision(decision.by(), decision.reason()));
  }

  @Override
  public void validateSkip(StepDecision decision) {}

  @Override
  public String verify(Decision decision) {
    return note("verify", decision);
  }

  @Override
  public void validateVerify(Decision decision) {}

  @Override
  public String abandon(Decision decision) {
    ending = MigrationResult.Ending.ABANDONED;
    return note("abandon", decision);
  }

  @Override
  public void validateAbandon(Decision decision) {}

  @Override
  public MigrationStatus status() {
    return Statuses.waitingForApproval(
        name, since, ending == null ? State.WAITING_FOR_APPROVAL : State.ENDED, ending);
  }

  @Override
  public VerificationState verification() {
    long asked = told.stream().filter(line -> line.startsWith("verify ")).count();
    return new VerificationState(
        asked,
        asked,
        new VerificationReport(
            Instant.parse("2026-03-03T02:20:00Z"),
            3,
            41_213_870,
            1_002,
            2,
            List.of("public.orders (id)=(7): differs in total"),
            List.of("public.blobs: it is unlogged"),
            List.of(),
            "fast",
            Side.SOURCE,
            1_001,
            List.of(
                new DifferingRow(
                    "public.orders",
                    Map.of("id", "7"),
                    "differs in total",
                    "psql \"$TARGET\" <<'END'\nbegin;\nEND"))),
        null);
  }

  private String note(String verb, Decision decision) {
    told.add(verb + " by " + decision.by());
    return "Noted: " + verb + " because " + decision.reason();
  }
}
