package dev.whimbrel.migration;

import dev.whimbrel.migration.MigrationStatus.Findings;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Approvals, each of the findings that were shown. */
final class Approvals {
  private final Board board;
  private final List<String> approvers;
  private @Nullable Approval granted;
  private @Nullable Findings approved;

  Approvals(Board board, List<String> approvers) {
    this.board = board;
    this.approvers = approvers;
  }

  /** Whether exactly these findings are approved. */
  boolean cover(Findings findings) {
    return approved != null && approved.hash().equals(findings.hash());
  }

  /** Whether somebody has approved something that was not taken back since. */
  boolean stand() {
    return approved != null;
  }

  /** {@code an approval of 4 findings by ana@example.com}, what is waited for. */
  String wanted(Findings findings) {
    return "an approval of "
        + Judgement.count(findings.lines().size(), "finding")
        + (approvers.isEmpty() ? "" : " by " + String.join(" or ", approvers));
  }

  /** Who approved, for the record. */
  String by() {
    return granted == null ? "nobody" : granted.by();
  }

  /**
   * Takes back an approval of other findings.
   *
   * @return what changed since, in words, or null when nothing was approved
   */
  @Nullable String withdrawUnlessFor(Findings findings) {
    if (approved == null || granted == null || cover(findings)) {
      return null;
    }
    String words =
        "the approval by %s was withdrawn: %s"
            .formatted(granted.by(), Evidence.difference(approved.lines(), findings.lines()));
    approved = null;
    granted = null;
    return words;
  }

  /** Forgets everything: the next gate asks anew. */
  void clear() {
    approved = null;
    granted = null;
    board.ask(null);
  }

  void validate(Approval approval) {
    Findings asked = validateAsked("approve");
    Refusals.unlessAdmitted("approve", approval.by(), approvers, "approvers");
    String shown = approval.findings();
    if (shown != null && (shown.length() < 8 || !asked.hash().startsWith(shown))) {
      throw Refusals.because(
          "Cannot approve: the findings are no longer those that you saw. Look at the status again; they are now %s."
              .formatted(asked.hash().substring(0, 12)));
    }
  }

  void validateReject(Decision decision) {
    validateAsked("reject");
    Refusals.unlessAdmitted("reject", decision.by(), approvers, "approvers");
  }

  private Findings validateAsked(String verb) {
    Findings asked = board.asked();
    if (asked == null) {
      throw Refusals.because("Cannot " + verb + ": nothing waits for an approval now.");
    }
    return asked;
  }

  String approve(Approval approval) {
    granted = approval;
    approved = board.asked();
    board.ask(null);
    return "approved by " + approval.by();
  }

  String reject(Decision decision) {
    board.await(
        MigrationStatus.State.WAITING_FOR_APPROVAL,
        "a rollback or a new approval; rejected by %s%s"
            .formatted(decision.by(), decision.reason() == null ? "" : ": " + decision.reason()));
    return "rejected by %s; the migration waits for a rollback or a new approval"
        .formatted(decision.by());
  }
}
