package dev.whimbrel.copy;

import dev.whimbrel.activity.CloneCompletion;
import dev.whimbrel.activity.CloneLook;
import dev.whimbrel.activity.CloneReport;
import dev.whimbrel.activity.CloneVerification;
import dev.whimbrel.activity.Cloning;
import dev.whimbrel.activity.Copy;
import dev.whimbrel.activity.CopyOpening;
import dev.whimbrel.activity.CopyPlan;
import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.activity.CopyShare;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.Schema;
import dev.whimbrel.activity.VerificationReport;
import io.temporal.activity.Activity;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;

/** Two databases and a clone between them, of which a journal is kept in plain words. */
final class CloneWorld implements Cloning, Copy, Schema {
  private final List<String> journal = Collections.synchronizedList(new ArrayList<>());
  private final Map<String, RuntimeException> failures = new ConcurrentHashMap<>();
  private final Map<String, Runnable> reactions = new ConcurrentHashMap<>();
  private final Set<String> cancelled = ConcurrentHashMap.newKeySet();
  private final Set<String> losses = Collections.synchronizedSet(new HashSet<>());
  private final Set<Integer> lost = ConcurrentHashMap.newKeySet();
  private final Set<Integer> copied = ConcurrentHashMap.newKeySet();
  final List<Finding> findings = new ArrayList<>();
  volatile String run = "";
  volatile boolean keepsNothing;

  List<String> journal() {
    return List.copyOf(journal);
  }

  /** The activity does what it does, and then fails once. */
  void fail(String activity, RuntimeException failure) {
    failures.put(activity, failure);
  }

  /**
   * The clone is cancelled while the activity is at work, whose callers all wait for that: the
   * in-process server (1.38) may lose a cancellation that meets the end of an attempt, and the task
   * of a workflow that cancels an activity which has just ended.
   */
  void cancelDuring(String activity, Runnable cancel) {
    reactions.put(activity, cancel);
    cancelled.add(activity);
  }

  private void waitForCancellation(String activity) {
    if (cancelled.contains(activity)) {
      beatFor(Duration.ofSeconds(20));
    }
  }

  /** The snapshot is lost while the activity is at work, once. */
  void loseSnapshotDuring(String activity) {
    losses.add(activity);
  }

  private void happens(String activity, String words) {
    journal.add(words);
    Runnable reaction = reactions.remove(activity);
    if (reaction != null) {
      reaction.run();
    }
    waitForCancellation(activity);
    RuntimeException failure = failures.remove(activity);
    if (failure != null) {
      throw failure;
    }
  }

  private void happens(String activity, String words, int number) {
    if (losses.remove(activity)) {
      journal.add(words);
      lost.add(number);
      beatFor(Duration.ofSeconds(20));
      return;
    }
    happens(activity, words);
  }

  private static void beatFor(Duration time) {
    long end = System.nanoTime() + time.toNanos();
    while (System.nanoTime() < end) {
      Activity.getExecutionContext().heartbeat(Progress.of("at work"));
      LockSupport.parkNanos(Duration.ofMillis(20).toNanos());
    }
  }

  @Override
  public CloneLook lookBeforeCloning(Move move) {
    run = move.migration();
    happens("lookBeforeCloning", "look");
    return new CloneLook(List.copyOf(findings), "15.15", "18.1", 4_000);
  }

  @Override
  public Outcome claimForClone(Move move) {
    happens("claimForClone", "claim");
    return new Outcome("claimed");
  }

  @Override
  public Outcome keepSnapshot(CopyRequest request) {
    RuntimeException failure = failures.remove("keepSnapshot");
    if (failure != null) {
      throw failure;
    }
    while (!keepsNothing && !lost.contains(request.generation())) {
      Activity.getExecutionContext().heartbeat(Progress.of("kept"));
      LockSupport.parkNanos(Duration.ofMillis(20).toNanos());
    }
    return new Outcome("the source was restarted");
  }

  @Override
  public CopyOpening openClone(CopyRequest request) {
    if (keepsNothing) {
      beatFor(Duration.ofSeconds(20));
    }
    happens("openClone", "open snapshot " + request.generation(), request.generation());
    return new CopyOpening(0, "3 tables");
  }

  @Override
  public CopyShare copyPieces(CopyRequest request) {
    boolean first = copied.add(request.generation());
    if (losses.remove("copyPieces")) {
      lost.add(request.generation());
      // As above: its keeper has ended before anybody ends it.
      beatFor(Duration.ofSeconds(1));
    }
    if (first) {
      happens("copyPieces", "copy from snapshot " + request.generation());
    }
    waitForCancellation("copyPieces");
    boolean gone = lost.contains(request.generation());
    return new CopyShare(1, gone, gone ? "snapshot gone" : null);
  }

  @Override
  public CloneCompletion completeClone(CopyRequest request) {
    if (losses.remove("completeClone")) {
      lost.add(request.generation());
      beatFor(Duration.ofSeconds(1));
    }
    happens("completeClone", "complete");
    return new CloneCompletion("3 foreign keys", List.of("a setting"));
  }

  @Override
  public Outcome analyze(Move move) {
    happens("analyze", "analyze");
    return new Outcome("analyzed");
  }

  @Override
  public VerificationReport verifyClone(CloneVerification request) {
    happens("verifyClone", "compare", request.request().generation());
    return new VerificationReport(Instant.EPOCH, 3, 300, 0, 0, List.of(), List.of(), List.of());
  }

  @Override
  public CloneReport reportClone(CopyRequest request) {
    happens("reportClone", "report");
    return new CloneReport(
        3,
        300,
        4_000,
        5,
        "7:9:8",
        "2026-11-29T12:00:00Z",
        "0/AB",
        request.generation(),
        11,
        List.of());
  }

  @Override
  public Outcome releaseClone(Move move) {
    happens("releaseClone", "release");
    return new Outcome("released");
  }

  @Override
  public Outcome dropClone(Move move) {
    happens("dropClone", "drop");
    return new Outcome("dropped");
  }

  // What no clone asks for.

  @Override
  public CopyPlan prepareCopy(Move move) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void holdSnapshot(CopyRequest request) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void keepGeneration(CopyRequest request) {
    throw new UnsupportedOperationException();
  }

  @Override
  public CopyOpening openGeneration(CopyRequest request) {
    throw new UnsupportedOperationException();
  }

  @Override
  public Outcome startStage(Move move) {
    throw new AssertionError("a clone has no stages");
  }

  @Override
  public Outcome followStage(Move move) {
    throw new AssertionError("a clone has no stages");
  }

  @Override
  public Outcome joinStage(Move move) {
    throw new AssertionError("a clone has no stages");
  }

  @Override
  public Outcome finishCopy(Move move) {
    throw new UnsupportedOperationException();
  }

  @Override
  public Outcome createTables(Move move) {
    throw new UnsupportedOperationException();
  }

  @Override
  public Outcome createKeys(Move move) {
    throw new UnsupportedOperationException();
  }

  @Override
  public Outcome createRest(Move move) {
    throw new UnsupportedOperationException();
  }

  @Override
  public Outcome dropSchema(Move move) {
    throw new UnsupportedOperationException();
  }
}
