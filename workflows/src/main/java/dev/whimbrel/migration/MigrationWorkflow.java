package dev.whimbrel.migration;

import io.temporal.common.converter.RawValue;
import io.temporal.workflow.QueryMethod;
import io.temporal.workflow.SignalMethod;
import io.temporal.workflow.UpdateMethod;
import io.temporal.workflow.UpdateValidatorMethod;
import io.temporal.workflow.WorkflowInterface;
import io.temporal.workflow.WorkflowMethod;
import org.jspecify.annotations.Nullable;

/** One migration: one run of a runbook. Workflow id {@code migration-<name>}. */
@WorkflowInterface
public interface MigrationWorkflow {

  /** Prefix of the workflow id. */
  String ID_PREFIX = "migration-";

  /** The task queue that workers serve unless told otherwise. */
  String TASK_QUEUE = "whimbrel";

  /** Carries the migration out and says how it ended. Never fails because a step did. */
  @WorkflowMethod
  MigrationResult migrate(Start start);

  /**
   * Asks for a rollback. Accepts anything, also nothing: what cannot be read becomes the reason, so
   * that the Temporal UI and CLI can send it too. The parameter is a raw payload because a signal
   * whose payload does not fit a type is dropped in silence; send any value with an untyped stub.
   */
  @SignalMethod
  void rollback(@Nullable RawValue payload);

  /** Asks for a rollback and says what will happen. */
  @UpdateMethod
  String requestRollback(RollbackRequest request);

  @UpdateValidatorMethod(updateName = "requestRollback")
  void validateRequestRollback(RollbackRequest request);

  /**
   * Goes on with the target alone, because the source is lost: what it had not sent is lost with
   * it. Only while the switchover is parked because the source cannot be reached.
   */
  @UpdateMethod
  String promote(RollbackRequest request);

  @UpdateValidatorMethod(updateName = "promote")
  void validatePromote(RollbackRequest request);

  /** Approves the findings whose hash is given, or those shown now when it is null. */
  @UpdateMethod
  String approve(Approval approval);

  @UpdateValidatorMethod(updateName = "approve")
  void validateApprove(Approval approval);

  /** Rejects what is asked for; the migration waits for a rollback or a new approval. */
  @UpdateMethod
  String reject(Decision decision);

  @UpdateValidatorMethod(updateName = "reject")
  void validateReject(Decision decision);

  /** Stops further steps, not guards, streams or the window. */
  @UpdateMethod
  String pause(Decision decision);

  @UpdateValidatorMethod(updateName = "pause")
  void validatePause(Decision decision);

  /** Goes on after {@link #pause}. */
  @UpdateMethod
  String resume(Decision decision);

  @UpdateValidatorMethod(updateName = "resume")
  void validateResume(Decision decision);

  /** Tries a parked step again; all parked steps when no step is named. */
  @UpdateMethod
  String retry(StepDecision decision);

  @UpdateValidatorMethod(updateName = "retry")
  void validateRetry(StepDecision decision);

  /**
   * Goes on without a parked step, or without waiting for the end of a running one that is named.
   * Never for fence, drain, hand-over, authority.
   */
  @UpdateMethod
  String skip(StepDecision decision);

  @UpdateValidatorMethod(updateName = "skip")
  void validateSkip(StepDecision decision);

  /**
   * Asks for a comparison of both databases: from the end of {@code replicate.catch-up}, when the
   * copy is whole, to the end of the rollback window, while one side follows the other.
   */
  @UpdateMethod
  String verify(Decision decision);

  @UpdateValidatorMethod(updateName = "verify")
  void validateVerify(Decision decision);

  /**
   * Ends the migration where it stands, leaving the world as it is; only a source that is closed
   * for an offline copy is opened.
   */
  @UpdateMethod
  String abandon(Decision decision);

  @UpdateValidatorMethod(updateName = "abandon")
  void validateAbandon(Decision decision);

  /** What the comparisons have found. */
  @QueryMethod
  VerificationState verification();

  /** Where the migration is. */
  @QueryMethod
  MigrationStatus status();
}
