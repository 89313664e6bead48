package dev.whimbrel.postgres;

import dev.whimbrel.activity.CloneCompletion;
import dev.whimbrel.activity.CloneReport;
import dev.whimbrel.activity.CloneVerification;
import dev.whimbrel.activity.CopyOpening;
import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.activity.CopyShare;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.secrets.Secrets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;

/** A clone whose steps a test takes one by one, each as the workflow takes it. */
final class CloneByHand implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofSeconds(60);

  final Move move;
  private final PostgresCloning cloning;
  private final PostgresCopy copy = new PostgresCopy(new Secrets(), Pace.USUAL, 16 * 8192);
  private int number;
  private Thread keeper = new Thread(() -> {});
  private CompletableFuture<String> why = new CompletableFuture<>();

  CloneByHand(Move move) {
    this(move, KeptSnapshot.PATIENCE);
  }

  CloneByHand(Move move, Duration patience) {
    this.move = move;
    this.cloning = new PostgresCloning(new Secrets(), 16 * 8192, patience);
  }

  CopyRequest request() {
    return new CopyRequest(move, number);
  }

  void claim() {
    cloning.claimForClone(move);
  }

  /** Begins to keep the next snapshot. */
  void keepNext() {
    number++;
    keep();
  }

  /** Keeps the snapshot that there is, as another worker would. */
  void keep() {
    CompletableFuture<String> lost = new CompletableFuture<>();
    CopyRequest request = request();
    why = lost;
    keeper =
        new Thread(
            () -> {
              try {
                lost.complete(cloning.keepSnapshot(request).line());
              } catch (RuntimeException e) {
                lost.completeExceptionally(e);
              }
            },
            "keeper");
    keeper.start();
  }

  /** The worker that keeps it dies. */
  void killKeeper() {
    keeper.interrupt();
    Wait.until("the keeper ends", LIMIT, () -> !keeper.isAlive());
  }

  /** Why the snapshot is lost. */
  String whyLost() throws Exception {
    return why.get(60, TimeUnit.SECONDS);
  }

  CopyOpening open() {
    return cloning.openClone(request());
  }

  List<CopyShare> copy(int jobs) {
    return IntStream.range(0, jobs)
        .mapToObj(i -> CompletableFuture.supplyAsync(() -> copy.copyPieces(request())))
        .toList()
        .stream()
        .map(CompletableFuture::join)
        .toList();
  }

  CloneCompletion complete() {
    CloneCompletion completion = cloning.completeClone(request());
    new PostgresSchema(new Secrets()).analyze(move);
    return completion;
  }

  VerificationReport verify() {
    return cloning.verifyClone(new CloneVerification(request(), "fast"));
  }

  CloneReport report() {
    return cloning.reportClone(request());
  }

  String release() {
    killKeeper();
    return cloning.releaseClone(move).line();
  }

  String drop() {
    killKeeper();
    return cloning.dropClone(move).line();
  }

  /** Everything up to the analysis. */
  void bring() {
    claim();
    keepNext();
    open();
    copy(2);
    complete();
  }

  @Override
  public void close() {
    killKeeper();
    cloning.dropClone(move);
  }
}
