package dev.whimbrel.migration;

import dev.whimbrel.activity.CanaryProof;
import dev.whimbrel.activity.Claim;
import dev.whimbrel.activity.DnsMove;
import dev.whimbrel.activity.DnsSnapshot;
import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.PreflightReport;
import dev.whimbrel.activity.PreflightReport.DatabaseUser;
import dev.whimbrel.activity.QueriesReport;
import dev.whimbrel.activity.Readiness;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.SmokeRequest;
import dev.whimbrel.activity.SoakReport;
import dev.whimbrel.activity.SwitchoverRequest;
import dev.whimbrel.activity.UserReport;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.runbook.DnsSpec;
import dev.whimbrel.runbook.QuerySpec;
import dev.whimbrel.runbook.Runbook;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** What the phases share: the runbook, the parts that carry it out, and what was learnt so far. */
final class Migration {
  final Runbook runbook;
  final Move move;
  final Board board;
  final Runner steps;
  final Undo undo = new Undo();
  final Course course;
  final Approvals approvals;
  final Guards guards;
  final Shares shares;
  final WalWatch wal;
  final Comparisons comparisons;
  final List<QuerySpec> queries;

  private @Nullable PreflightReport preflight;
  private List<DatabaseUser> users = List.of();
  private @Nullable UserReport judged;
  private @Nullable DnsSnapshot found;
  private @Nullable Readiness readiness;
  private @Nullable VerificationReport verification;
  private @Nullable QueriesReport queried;
  private @Nullable CanaryProof canary;
  private @Nullable HandOver handOver;
  private @Nullable Instant lookedAt;
  private boolean verifyAsked;
  private boolean comparedBeside;
  private boolean comparedInRounds;

  Migration(Start start, Board board, Course course) {
    this.runbook = start.runbook();
    this.queries = start.queries();
    this.move = Move.of(runbook);
    this.board = board;
    this.course = course;
    this.steps = new Runner(board);
    this.approvals = new Approvals(board, runbook.approvers());
    this.guards = new Guards(runbook, board, course);
    this.shares = new Shares(this);
    this.wal = new WalWatch(this);
    this.comparisons = new Comparisons(this);
  }

  /** The names that move with the service, or null when none does. */
  @Nullable DnsMove names() {
    DnsSpec dns = runbook.dns();
    return dns == null ? null : DnsMove.of(runbook, dns);
  }

  /**
   * A switchover to the target, in the epoch that it was prepared in: once a newer decision stands,
   * no attempt of it begins anything.
   */
  SwitchoverRequest handOverToTarget() {
    return switchoverTo(Side.TARGET).inEpoch(readiness == null ? null : readiness.epoch());
  }

  /** A switchover to one side, with the loss that a person has accepted by now. */
  SwitchoverRequest switchoverTo(Side side) {
    RollbackRequest asked = side == Side.SOURCE ? course.rollback() : course.takePromotion();
    String promotedBy = asked == null ? null : asked.by();
    return new SwitchoverRequest(
            move,
            side,
            runbook.cutover().pauseBudget(),
            runbook.rollback().patience(),
            side == Side.SOURCE ? course.acceptLossBy() : promotedBy,
            asked == null ? null : asked.reason())
        .hashedBy(runbook.validate().hash());
  }

  SmokeRequest smoke() {
    return new SmokeRequest(
        move,
        runbook.validate().smoke(),
        runbook.source().addresses(),
        runbook.target().addresses());
  }

  /** What the cutover's approval rests on now. */
  MigrationStatus.Findings evidence() {
    return Evidence.cutover(
        runbook,
        preflight(),
        judged,
        readiness,
        verification,
        QueryJudgement.evidence(queried),
        Evidence.canary(runbook, shares.share(), shares.came(), canary),
        skipped());
  }

  /** What people went on without so far, with their reasons. */
  List<String> skipped() {
    return Stream.of(steps.skipped(), comparisons.skipped(), shares.skipped(), wal.skipped())
        .flatMap(List::stream)
        .toList();
  }

  /** Whether the source is known to hold every write: the copy may be dropped. */
  boolean sourceHoldsEverything() {
    return handOver == null
        || (handOver.writesGoTo() == Side.SOURCE && course.acceptLossBy() == null);
  }

  /** Whether a stream runs back from the target. */
  boolean canGoBack() {
    return handOver != null && handOver.canGoBack() && !course.isWayBackLost();
  }

  /** The way back was given up so that the target keeps running. */
  void loseWayBack(String why) {
    course.loseWayBack();
    board.loseWayBack(why);
  }

  /** Says that going back is possible, and not yet until when. */
  void offerWayBack() {
    board.offerWayBack(canGoBack(), null);
  }

  /** Says until when going back will stay possible. */
  void offerWayBack(Duration rest) {
    board.offerWayBack(canGoBack(), Board.now().plus(rest));
  }

  /** The window is over: going back stays possible until somebody approves the decommission. */
  void endOfWindow() {
    approvals.clear();
    board.offerWayBack(canGoBack(), null);
  }

  // What was learnt

  void learn(PreflightReport report) {
    preflight = report;
    sawUsers(report.users());
    board.predictPause(report.predictedPauseMillis());
  }

  void learn(SoakReport report) {
    Set<DatabaseUser> all = new LinkedHashSet<>(users);
    all.addAll(report.users());
    sawUsers(List.copyOf(all));
  }

  void learn(UserReport report) {
    judged = report;
    sawUsers(report.users());
  }

  private void sawUsers(List<DatabaseUser> seen) {
    users = seen;
    board.usedBy(seen);
  }

  void learn(CanaryProof proof) {
    canary = proof;
  }

  void learn(Claim claim) {
    board.inEpoch(claim.epoch());
  }

  void learn(DnsSnapshot records) {
    found = records;
  }

  void learn(Readiness ready) {
    learnAgain(ready);
    lookedAt = null; // the cutover compares once more, whatever was compared before
  }

  /** What was made ready once more, after a person mended what stood in the way. */
  void learnAgain(Readiness ready) {
    readiness = ready;
    board.inEpoch(ready.epoch());
    board.predictPause(ready.predictedPauseMillis());
  }

  void learn(VerificationReport report) {
    verification = report;
    lookedAt = report.at();
    verifyAsked = false;
    comparedBeside = false;
    board.verified(report);
  }

  void learn(QueriesReport report) {
    queried = report;
  }

  /**
   * What was compared beside the steps, unless something younger is known: a round tells what it
   * has found when it is stopped, which may be long after. Evidence that shows differences is not
   * looked at yet: the cutover compares once more, and parks where they are still there.
   */
  void learnBeside(VerificationReport report) {
    if (verification != null && !report.at().isAfter(verification.at())) {
      return;
    }
    verification = report;
    comparedBeside = true;
    comparedInRounds = false;
    lookedAt = report.differences() == 0 && report.truth() == Side.SOURCE ? report.at() : null;
    board.verified(report);
  }

  /** As {@link #learnBeside}, of the rounds. */
  void learnOfRounds(VerificationReport report) {
    learnBeside(report);
    comparedInRounds = comparedInRounds || report.equals(verification);
  }

  void learn(HandOver done) {
    handOver = done;
    board.handedOver(done);
  }

  /** Who was seen to use the source so far. */
  List<DatabaseUser> users() {
    return users;
  }

  PreflightReport preflight() {
    return Objects.requireNonNull(preflight, "preflight has not ended");
  }

  DnsSnapshot found() {
    return Objects.requireNonNull(found, "the names were not looked up");
  }

  boolean namesWereFound() {
    return found != null;
  }

  @Nullable Readiness readiness() {
    return readiness;
  }

  @Nullable VerificationReport verification() {
    return verification;
  }

  @Nullable HandOver handOver() {
    return handOver;
  }

  /**
   * The copy is to be made anew: what was found in the old one, and gone on with, is about nothing
   * any more.
   */
  void forgetCopy() {
    verification = null;
    lookedAt = null;
    comparedBeside = false;
    board.verified(null);
    steps.forget(Step.ANALYZE, Step.SEQUENCES, Step.VERIFY_DATA, Step.SMOKE);
  }

  /** A person has skipped a verification: it counts as looked at, and the approval says so. */
  void goOnUnverified() {
    if (verifyAsked) {
      comparisons.failUnanswered("skipped by a person");
    }
    lookedAt = Board.now();
    verifyAsked = false;
    comparedBeside = false;
  }

  /** Whether the latest verification is none that a step has made. */
  boolean wasComparedBeside() {
    return comparedBeside;
  }

  /** Whether the rounds have made it. */
  boolean wasComparedInRounds() {
    return comparedBeside && comparedInRounds;
  }

  /** Whether a switchover may still rest on the latest verification. */
  boolean evidenceIsFresh() {
    return lookedAt != null && Judgement.isFresh(lookedAt, Board.now(), runbook.cutover());
  }

  void askForVerification() {
    verifyAsked = true;
    comparisons.ask();
  }

  boolean verificationIsAsked() {
    return verifyAsked;
  }
}
