package dev.whimbrel.migration;

import dev.whimbrel.activity.Breach;
import dev.whimbrel.activity.Canary;
import dev.whimbrel.activity.CanaryProof;
import dev.whimbrel.activity.CanaryRequest;
import dev.whimbrel.activity.ChangePlan;
import dev.whimbrel.activity.Checks;
import dev.whimbrel.activity.Claim;
import dev.whimbrel.activity.CloneCompletion;
import dev.whimbrel.activity.CloneLook;
import dev.whimbrel.activity.CloneReport;
import dev.whimbrel.activity.CloneVerification;
import dev.whimbrel.activity.Cloning;
import dev.whimbrel.activity.Closed;
import dev.whimbrel.activity.ClosingRequest;
import dev.whimbrel.activity.Compute;
import dev.whimbrel.activity.Copy;
import dev.whimbrel.activity.CopyOpening;
import dev.whimbrel.activity.CopyPlan;
import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.activity.CopyShare;
import dev.whimbrel.activity.Dns;
import dev.whimbrel.activity.DnsMove;
import dev.whimbrel.activity.DnsSnapshot;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Forecast;
import dev.whimbrel.activity.GuardRequest;
import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.KeptWal;
import dev.whimbrel.activity.MachinesRequest;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.NamesRequest;
import dev.whimbrel.activity.OldMachines;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.Preflight;
import dev.whimbrel.activity.PreflightReport;
import dev.whimbrel.activity.PreflightReport.DatabaseUser;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.QueriesReport;
import dev.whimbrel.activity.QueriesRequest;
import dev.whimbrel.activity.QueryProposal;
import dev.whimbrel.activity.Readiness;
import dev.whimbrel.activity.Replication;
import dev.whimbrel.activity.RetireRequest;
import dev.whimbrel.activity.RoundsRequest;
import dev.whimbrel.activity.Schema;
import dev.whimbrel.activity.ShareRequest;
import dev.whimbrel.activity.ShiftRequest;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.SmokeRequest;
import dev.whimbrel.activity.SoakReport;
import dev.whimbrel.activity.SoakRequest;
import dev.whimbrel.activity.SourceClosing;
import dev.whimbrel.activity.SuiteClone;
import dev.whimbrel.activity.SuiteClones;
import dev.whimbrel.activity.SuiteRequest;
import dev.whimbrel.activity.Switchover;
import dev.whimbrel.activity.SwitchoverRequest;
import dev.whimbrel.activity.Traffic;
import dev.whimbrel.activity.TtlRequest;
import dev.whimbrel.activity.UserReport;
import dev.whimbrel.activity.UsersRequest;
import dev.whimbrel.activity.Verification;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.activity.VerifyRequest;
import dev.whimbrel.activity.WalReport;
import dev.whimbrel.activity.WalRequest;
import dev.whimbrel.activity.Window;
import dev.whimbrel.activity.Windows;
import io.temporal.activity.Activity;
import io.temporal.client.ActivityCompletionException;
import io.temporal.failure.ApplicationFailure;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Everything outside the workflow, as a fake that keeps a journal in plain words. What is told to
 * fail happens first and fails then, since that is what the real world does.
 */
final class World
    implements Preflight,
        Schema,
        Copy,
        Replication,
        KeptWal,
        Verification,
        Checks,
        Cloning,
        SuiteClones,
        Canary,
        Switchover,
        SourceClosing,
        Dns,
        Traffic,
        Compute,
        Windows {
  private final List<String> journal = Collections.synchronizedList(new ArrayList<>());
  private final Map<String, Deque<RuntimeException>> failures = new ConcurrentHashMap<>();
  private final Map<String, Runnable> reactions = new ConcurrentHashMap<>();
  private final AtomicInteger reacting = new AtomicInteger();
  private final Set<String> endless = ConcurrentHashMap.newKeySet();
  private final Set<String> toBeCancelled = ConcurrentHashMap.newKeySet();
  private final Map<String, Integer> looks = new ConcurrentHashMap<>();

  /**
   * How long a watcher rests between two looks; for good where no test needs a second one. When the
   * retry of an activity that was cancelled in between comes due, the in-process server (1.38)
   * takes its lock on time and never gives it back: no time would be skipped any more.
   */
  volatile Duration rest = Duration.ofDays(365);

  private final Supplier<Instant> clock;

  volatile Side truth = Side.SOURCE;

  /** Whether the truth's own side has opened: not after a hand-over that failed. */
  private volatile boolean open = true;

  private volatile boolean handOverIsLost;

  /** How each hand-over was to hash the rows that it looks at. */
  final List<String> hashedBy = new CopyOnWriteArrayList<>();

  /** The next watch over the way back goes on until it is cancelled, and takes its time then. */
  volatile boolean slowToStop;

  /** Open once such a watch is at work. */
  final CountDownLatch watching = new CountDownLatch(1);

  private final AtomicLong epoch = new AtomicLong(1);
  private volatile @org.jspecify.annotations.Nullable Instant handedOverAt;
  volatile boolean canGoBack = true;
  volatile int lastClosing;
  volatile List<Finding> preflightFindings = List.of();
  volatile List<DatabaseUser> users = List.of();
  volatile List<Finding> userFindings = List.of();
  volatile int foundTtl = 3600;
  volatile List<QueriesReport.Result> queryResults = List.of();
  volatile List<Finding> cloneFindings = List.of();
  final List<SuiteClone> clones = Collections.synchronizedList(new ArrayList<>());
  volatile List<Finding> canaryFindings = List.of();
  volatile List<Finding> machineFindings = List.of();
  volatile List<Finding> oldMachineFindings = List.of();
  volatile OldMachines oldMachines = new OldMachines(List.of(), List.of());
  volatile @Nullable RetireRequest stopped;
  volatile @Nullable RetireRequest terminated;

  private final Set<Integer> copied = ConcurrentHashMap.newKeySet();
  private final AtomicInteger snapshots = new AtomicInteger();
  private final AtomicInteger liveStages = new AtomicInteger();
  private volatile boolean stageIsCopied;

  /** Generations of the copy whose snapshot is gone when its rows are copied. */
  final Set<Integer> lostSnapshots = ConcurrentHashMap.newKeySet();

  /** The snapshots that somebody began to hold, once for each attempt. */
  final List<Integer> held = Collections.synchronizedList(new ArrayList<>());

  /** What lets weights be lost, one after the other. */
  final Queue<String> losses = new ConcurrentLinkedQueue<>();

  /** What the watch over the kept log comes to, one after the other; then it watches on. */
  final Queue<WalReport> keptWal = new ConcurrentLinkedQueue<>();

  /** Whether that watch works on until it comes to something, as the real one does. */
  volatile boolean attentive;

  /** What is kept sinks below the limit while a person is being asked. */
  volatile @Nullable WalReport walSinks;

  /** What was last asked of the watch over the kept log. */
  volatile @Nullable WalRequest walRequest;

  volatile List<String> differences = List.of();
  volatile List<String> foundByRounds = List.of();
  volatile List<String> notComparedByRounds = List.of();
  volatile boolean roundsAreLong;
  volatile boolean nextComparisonIsLong;
  final CountDownLatch comparing = new CountDownLatch(1);
  volatile List<String> notCompared = List.of();
  volatile List<String> stale = List.of();
  volatile Window window = new Window(Instant.EPOCH, Instant.MAX);

  /** The breach of each guard by its number; a guard without one watches for ever. */
  final Map<Integer, String> breaches = new ConcurrentHashMap<>();

  World(Supplier<Instant> clock) {
    this.clock = clock;
  }

  /** What happened, in order, without what only watches. */
  List<String> journal() {
    synchronized (journal) {
      return List.copyOf(journal);
    }
  }

  Instant now() {
    return clock.get();
  }

  /** When the target became the truth. */
  Instant handedOverAt() {
    return java.util.Objects.requireNonNull(handedOverAt, "never handed over");
  }

  /** Lets an activity happen and then fail, once for each failure. */
  void fail(String activity, RuntimeException... errors) {
    failures.computeIfAbsent(activity, a -> new ArrayDeque<>()).addAll(List.of(errors));
  }

  /** Lets the first switchover send its hand-over in vain: it never arrives at the source. */
  void handsNothingOverAtFirst() {
    handOverIsLost = true;
  }

  /** Does something from inside an activity, before it ends, once. */
  void during(String activity, Runnable reaction) {
    reactions.put(activity, reaction);
    toBeCancelled.add(activity);
    toBeCancelled.add(activity + " too");
  }

  /** Does something from inside an activity that goes on behind it, once. */
  void beside(String activity, Runnable reaction) {
    reactions.put(activity, reaction);
  }

  /** Whether an activity is doing now what {@link #during} or {@link #beside} wants. */
  boolean reacts() {
    return reacting.get() > 0;
  }

  /** Lets an activity watch for ever. */
  void neverEnds(String activity) {
    endless.add(activity);
  }

  private void happens(String activity, String words) {
    if (endless.contains(activity)) {
      throw watchingOn();
    }
    if (!activity.endsWith(" too")) {
      journal.add(words);
    }
    Runnable reaction = reactions.remove(activity);
    if (reaction != null) {
      reacting.incrementAndGet();
      try {
        reaction.run();
      } finally {
        reacting.decrementAndGet();
      }
    }
    Deque<RuntimeException> errors = failures.get(activity);
    RuntimeException error = errors == null ? null : errors.poll();
    if (error != null) {
      throw error;
    }
  }

  /** A switchover that calls its failure passing has handed nothing over. */
  private boolean failsNextAs(String activity, String kind) {
    Deque<RuntimeException> errors = failures.get(activity);
    return errors != null
        && errors.peek() instanceof ApplicationFailure failure
        && kind.equals(failure.getType());
  }

  /**
   * As {@link #happens}, for the copy, which is a workflow of its own: what is asked of the
   * migration meanwhile reaches it late, and the in-process server (1.38) may lose a cancellation
   * that meets the end of an attempt. So an attempt that is to be cancelled waits for that.
   */
  private void inTheCopy(String activity, String words) {
    boolean endlessly = endless.contains(activity);
    if (!endlessly) {
      happens(activity, words);
    }
    for (int i = 0; endlessly || (toBeCancelled.contains(activity) && i < 500); i++) {
      Activity.getExecutionContext().heartbeat(Progress.of(words));
      LockSupport.parkNanos(Duration.ofMillis(20).toNanos());
    }
  }

  private Outcome outcome(String activity, String words) {
    happens(activity, words);
    return new Outcome(words);
  }

  /** A watcher rests between attempts, because time is skipped only while no activity runs. */
  private RuntimeException watchingOn() {
    return Failures.notYet("still watching", rest);
  }

  /** Lets an activity that waits look so many times before it sees what it waits for. */
  void looksInVain(String activity, int times) {
    for (int i = 0; i < times; i++) {
      fail(activity, Failures.notYet("not there yet", rest));
    }
  }

  /** How often an activity that watches for ever has looked. */
  int looks(String activity) {
    return looks.getOrDefault(activity, 0);
  }

  // Preflight

  @Override
  public PreflightReport preflight(Move move) {
    happens("preflight", "look at both databases");
    return new PreflightReport(
        clock.get(), preflightFindings, List.of(), "15.4", "18.1", 1_000_000, 40, canGoBack);
  }

  @Override
  public Forecast forecast(Move move) {
    happens("forecast", "measure a sample");
    return new Forecast(move.jobs(), null, null, List.of(), Forecast.ONLINE, List.of(), List.of());
  }

  @Override
  public QueryProposal proposeQueries(Move move) {
    happens("proposeQueries", "propose queries");
    return new QueryProposal("SELECT 1;\n", List.of());
  }

  @Override
  public UserReport judgeUsers(UsersRequest request) {
    happens("judgeUsers", "look at who uses the source");
    return new UserReport(request.seen(), userFindings);
  }

  @Override
  public Claim claim(Move move) {
    happens("claim", "claim both databases");
    return new Claim(epoch.get(), "both databases are claimed");
  }

  @Override
  public Outcome release(Move move) {
    return outcome("release", "release both databases");
  }

  // Schema

  @Override
  public Outcome createTables(Move move) {
    return outcome("createTables", "create tables");
  }

  @Override
  public Outcome createKeys(Move move) {
    return outcome("createKeys", "create keys");
  }

  @Override
  public Outcome createRest(Move move) {
    return outcome("createRest", "create indexes");
  }

  @Override
  public Outcome analyze(Move move) {
    return outcome("analyze", "analyze");
  }

  @Override
  public Outcome dropSchema(Move move) {
    return outcome("dropSchema", "drop the copy");
  }

  // Copy

  @Override
  public CopyPlan prepareCopy(Move move) {
    inTheCopy("prepareCopy", "list what to copy");
    int stages = move.stages().size() + 1;
    return move.staged()
        ? new CopyPlan(snapshots.get(), "a stage", liveStages.get() + 1, stages, stageIsCopied)
        : new CopyPlan(snapshots.get(), "3 tables");
  }

  @Override
  public void holdSnapshot(CopyRequest request) {
    keepGeneration(request);
  }

  @Override
  public void keepGeneration(CopyRequest request) {
    held.add(request.generation());
    while (true) {
      Activity.getExecutionContext().heartbeat(Progress.of("the snapshot is held"));
      Deque<RuntimeException> errors = failures.get("keepGeneration");
      RuntimeException error = errors == null ? null : errors.poll();
      if (error != null) {
        throw error;
      }
      LockSupport.parkNanos(Duration.ofMillis(20).toNanos());
    }
  }

  @Override
  public CopyOpening openGeneration(CopyRequest request) {
    inTheCopy("openGeneration", "open snapshot " + request.generation());
    snapshots.set(request.generation());
    return new CopyOpening(0, "everything is to be copied");
  }

  @Override
  public CopyShare copyPieces(CopyRequest request) {
    // Several call at once: the journal keeps the first.
    boolean first = copied.add(request.generation());
    inTheCopy(
        first ? "copyPieces" : "copyPieces too", "copy from snapshot " + request.generation());
    return new CopyShare(1, lostSnapshots.remove(request.generation()));
  }

  @Override
  public Outcome startStage(Move move) {
    stageIsCopied = true;
    inTheCopy("startStage", "start stage " + (liveStages.get() + 1));
    return new Outcome("started");
  }

  @Override
  public Outcome followStage(Move move) {
    inTheCopy("followStage", "follow stage " + (liveStages.get() + 1));
    return new Outcome("caught up");
  }

  @Override
  public Outcome joinStage(Move move) {
    inTheCopy("joinStage", "join stage " + (liveStages.get() + 1));
    stageIsCopied = false;
    return new Outcome("stage %d is live".formatted(liveStages.incrementAndGet()));
  }

  @Override
  public Outcome finishCopy(Move move) {
    inTheCopy("finishCopy", "copied");
    return new Outcome("copied");
  }

  // Replication

  @Override
  public Outcome subscribe(Move move) {
    return outcome("subscribe", "subscribe");
  }

  @Override
  public Outcome awaitCopied(Move move) {
    return outcome("awaitCopied", "copied");
  }

  @Override
  public Outcome awaitCaughtUp(Move move) {
    return outcome("awaitCaughtUp", "caught up");
  }

  @Override
  public Outcome carrySequences(Move move) {
    return outcome("carrySequences", "carry sequences");
  }

  @Override
  public SoakReport soak(SoakRequest request) {
    happens("soak", "soaked for " + request.hold().toHours() + " h");
    return new SoakReport("soaked", users);
  }

  @Override
  public Outcome unsubscribe(Move move) {
    return outcome("unsubscribe", "unsubscribe");
  }

  @Override
  public WalReport awaitWal(WalRequest request) {
    looks.merge("awaitWal", 1, Integer::sum);
    walRequest = request;
    Deque<RuntimeException> errors = failures.get("awaitWal");
    RuntimeException error = errors == null || request.asking() ? null : errors.poll();
    if (error != null) {
      throw error;
    }
    for (int i = 0; attentive && keptWal.isEmpty() && i < 500; i++) {
      Activity.getExecutionContext().heartbeat(Progress.of("little is kept"));
      LockSupport.parkNanos(Duration.ofMillis(20).toNanos());
    }
    WalReport report = request.asking() ? walSinks : keptWal.poll();
    if (report == null) {
      throw watchingOn();
    }
    journal.add("kept log: " + report.what());
    return report;
  }

  // Verification and checks

  @Override
  public VerificationReport verify(VerifyRequest request) {
    happens("verify", "verify against the " + request.truth().word());
    if (nextComparisonIsLong) {
      nextComparisonIsLong = false;
      compareUntilStopped();
    }
    return new VerificationReport(
        clock.get(), 3, 42, differences.size(), 0, differences, notCompared, stale);
  }

  private void compareUntilStopped() {
    looks.merge("a long comparison", 1, Integer::sum);
    try {
      while (true) {
        Activity.getExecutionContext().heartbeat(Progress.of("comparing"));
        LockSupport.parkNanos(Duration.ofMillis(20).toNanos());
      }
    } catch (ActivityCompletionException e) {
      journal.add("the comparison is stopped");
      throw e;
    }
  }

  @Override
  public QueriesReport compareQueries(QueriesRequest request) {
    happens("compareQueries", "ask both databases %d queries".formatted(request.queries().size()));
    return new QueriesReport(clock.get(), queryResults);
  }

  @Override
  public VerificationReport keepVerifying(RoundsRequest request) {
    looks.merge("keepVerifying", 1, Integer::sum);
    if (roundsAreLong) {
      return workUntilStopped();
    }
    if (foundByRounds.isEmpty()) {
      // As keepBase: the first attempt is likely to be stopped soon.
      for (int i = 0; i < 250 && Activity.getExecutionContext().getInfo().getAttempt() == 1; i++) {
        Activity.getExecutionContext().heartbeat(Progress.of("comparing"));
        LockSupport.parkNanos(Duration.ofMillis(20).toNanos());
      }
      throw watchingOn();
    }
    journal.add("the rounds have found something");
    return new VerificationReport(
        clock.get(), 3, 42, foundByRounds.size(), 0, foundByRounds, notCompared, stale);
  }

  /** A round that ends when it is told to, with what the one before has found. */
  private VerificationReport workUntilStopped() {
    Instant at = clock.get();
    comparing.countDown();
    looks.merge("a long round", 1, Integer::sum);
    try {
      while (true) {
        Activity.getExecutionContext().heartbeat(Progress.of("comparing"));
        LockSupport.parkNanos(Duration.ofMillis(20).toNanos());
      }
    } catch (ActivityCompletionException e) {
      journal.add("the rounds are stopped");
      return new VerificationReport(at, 3, 4_711, 0, 0, List.of(), notComparedByRounds, stale);
    }
  }

  @Override
  public Outcome smoke(SmokeRequest request) {
    return outcome("smoke", request.checks().size() + " checks");
  }

  @Override
  public Outcome runSuite(SuiteRequest request) {
    inTheCopy("runSuite", "run the suite");
    return new Outcome("the suite is green");
  }

  // A closing of the source

  /** Why the closing that stands does not hold any more; a keeper that is at work finds out. */
  volatile @Nullable RuntimeException brokenClosing;

  /** Whether keepers work on, and do not rest: then nobody lets time pass meanwhile. */
  volatile boolean keepersWork;

  /** When somebody tried to close the source. */
  final List<Instant> closedAt = Collections.synchronizedList(new ArrayList<>());

  /** Switchovers that came with the number of their closing. */
  final List<Integer> behind = Collections.synchronizedList(new ArrayList<>());

  @Override
  public Closed closeSource(ClosingRequest request) {
    closedAt.add(clock.get());
    happens("closeSource", "close the source, closing " + request.number());
    Instant now = clock.get();
    return new Closed(request.number(), now, now.plus(request.atMost()), "the source is closed");
  }

  @Override
  public Outcome keepClosed(ClosingRequest request) {
    while (true) {
      Activity.getExecutionContext().heartbeat(Progress.of("kept closed"));
      RuntimeException broken = brokenClosing;
      if (broken != null) {
        brokenClosing = null;
        throw broken;
      }
      if (!keepersWork) {
        throw watchingOn();
      }
      LockSupport.parkNanos(Duration.ofMillis(20).toNanos());
    }
  }

  @Override
  public Outcome openSource(ClosingRequest request) {
    return outcome("openSource", "open the source, closing " + request.number());
  }

  // Clones for suites

  @Override
  public Outcome createSuiteClone(SuiteClone clone) {
    clones.add(clone);
    inTheCopy("createSuiteClone", "make a clone");
    return new Outcome("made");
  }

  @Override
  public Outcome readySuiteClone(SuiteClone clone) {
    return outcome("readySuiteClone", "make the clone ready");
  }

  @Override
  public Outcome dropSuiteClone(SuiteClone clone) {
    return outcome("dropSuiteClone", "drop the clone");
  }

  @Override
  public Outcome dropSuiteClones(Move move) {
    return outcome("dropSuiteClones", "drop every clone");
  }

  @Override
  public CloneLook lookBeforeCloning(Move move) {
    happens("lookBeforeCloning", "look before cloning");
    return new CloneLook(cloneFindings, "18.1", "18.1", 4_000);
  }

  @Override
  public Outcome claimForClone(Move move) {
    return outcome("claimForClone", "claim the clone");
  }

  @Override
  public Outcome keepSnapshot(CopyRequest request) {
    while (true) {
      Activity.getExecutionContext().heartbeat(Progress.of("kept"));
      LockSupport.parkNanos(Duration.ofMillis(20).toNanos());
    }
  }

  @Override
  public CopyOpening openClone(CopyRequest request) {
    if (request.move().staged()) {
      throw new AssertionError("a clone has no stages");
    }
    inTheCopy("openClone", "bring rows to the clone");
    return new CopyOpening(0, "3 tables");
  }

  @Override
  public CloneCompletion completeClone(CopyRequest request) {
    happens("completeClone", "complete the clone");
    return new CloneCompletion("complete", List.of());
  }

  @Override
  public VerificationReport verifyClone(CloneVerification request) {
    throw new AssertionError("nobody asked for that");
  }

  @Override
  public CloneReport reportClone(CopyRequest request) {
    return new CloneReport(
        3,
        42,
        4_000,
        5,
        "1:1:",
        clock.get().toString(),
        "0/1",
        1,
        0,
        List.of(
            "values of sequences: as ever",
            "subscription whimbrel_shop_forward",
            "public.far: a foreign table"));
  }

  @Override
  public Outcome releaseClone(Move move) {
    return outcome("releaseClone", "let go of the clone");
  }

  @Override
  public Outcome dropClone(Move move) {
    return outcome("dropClone", "drop what the clone holds");
  }

  @Override
  public Breach awaitBreach(GuardRequest request) {
    looks.merge("awaitBreach", 1, Integer::sum);
    String breach = breaches.remove(request.number());
    if (breach == null) {
      throw watchingOn();
    }
    journal.add("guard " + request.number() + " breached");
    return new Breach(request.number(), clock.get(), breach);
  }

  @Override
  public CanaryProof proveCanary(CanaryRequest request) {
    happens("proveCanary", "prove the canary");
    return new CanaryProof(clock.get(), canaryFindings, 4, "4 ms slower");
  }

  // Switchover

  @Override
  public Readiness prepareSwitchover(Move move) {
    happens("prepareSwitchover", "prepare the switchover");
    return new Readiness(
        canGoBack, 40, List.of(), epoch.get(), "the way back was proved", lastClosing);
  }

  @Override
  public Outcome unprepareSwitchover(Move move) {
    return outcome("unprepareSwitchover", "unprepare the switchover");
  }

  @Override
  public void keepBase(Move move) {
    // The in-process server may lose a cancellation that meets the end of an attempt: this one
    // works on for a moment, as the real one does, and rests only then, so that time can be
    // skipped.
    for (int i = 0; i < 250 && !Thread.currentThread().isInterrupted(); i++) {
      Activity.getExecutionContext().heartbeat(Progress.of("the base slot is near"));
      LockSupport.parkNanos(Duration.ofMillis(20).toNanos());
    }
    throw Failures.notYet("still watching", Duration.ofDays(365));
  }

  @Override
  public HandOver handOver(SwitchoverRequest request) {
    hashedBy.add(request.hash());
    if (request.finishOnly() && truth != request.to()) {
      happens("finish", "nothing to finish");
      return handedOver("nothing was handed over");
    }
    if (truth != request.to()
        && request.expectedEpoch() != null
        && request.expectedEpoch() != epoch.get()) {
      throw Failures.needsHelp("A newer decision exists", "find out", null);
    }
    if (handOverIsLost) {
      handOverIsLost = false;
      throw Failures.unfinished("the source restarted");
    }
    if (request.closing() != null && truth != request.to()) {
      behind.add(request.closing());
    }
    if (truth != request.to() && !failsNextAs("handOver", Failures.TRANSIENT)) {
      truth = request.to();
      epoch.incrementAndGet();
      handedOverAt = clock.get();
    }
    open = truth != request.to();
    happens(
        "handOver",
        "hand over to the "
            + request.to().word()
            + (request.acceptLossBy() == null
                ? ""
                : ", loss accepted by " + request.acceptLossBy()));
    open = true;
    return handedOver("handed over to the " + request.to().word());
  }

  @Override
  public HandOver settle(SwitchoverRequest request) {
    boolean moves = truth != request.to();
    if (moves && open && request.finishOnly()) {
      happens("finish", "nothing to finish");
      return handedOver("nothing was handed over");
    }
    open = true;
    if (moves) {
      truth = request.to();
      epoch.incrementAndGet();
    }
    String words =
        "settle on the "
            + request.to().word()
            + (request.acceptLossBy() == null
                ? ""
                : ", loss accepted by " + request.acceptLossBy());
    happens("settle", words);
    return handedOver(words);
  }

  private HandOver handedOver(String line) {
    return new HandOver(truth, epoch.get(), clock.get(), 38, 9, epoch.get() > 1, canGoBack, line);
  }

  @Override
  public void watchWayBack(Move move) {
    looks.merge("watchWayBack", 1, Integer::sum);
    Deque<RuntimeException> errors = failures.get("watchWayBack");
    RuntimeException error = errors == null ? null : errors.poll();
    if (error != null) {
      throw error;
    }
    if (slowToStop) {
      watchUntilStopped();
    }
    throw watchingOn();
  }

  /** Notices its cancellation late, as an activity does that is busy just then. */
  private void watchUntilStopped() {
    watching.countDown();
    try {
      while (true) {
        Activity.getExecutionContext().heartbeat(Progress.of("the way back runs"));
        LockSupport.parkNanos(Duration.ofMillis(20).toNanos());
      }
    } catch (ActivityCompletionException e) {
      LockSupport.parkNanos(Duration.ofMillis(500).toNanos());
      journal.add("the way back is watched no more");
      throw e;
    }
  }

  @Override
  public Outcome awaitTail(Move move) {
    return outcome("awaitTail", "the old side's clients are gone");
  }

  @Override
  public Outcome awaitFirstWrites(Move move) {
    return outcome("awaitFirstWrites", "first writes seen");
  }

  @Override
  public Outcome stopReverse(Move move) {
    return outcome("stopReverse", "stop the reverse stream");
  }

  @Override
  public Outcome cleanUp(Move move) {
    return outcome("cleanUp", "clean up");
  }

  // DNS

  @Override
  public DnsSnapshot findRecords(DnsMove move) {
    happens("findRecords", "find records");
    return new DnsSnapshot(
        List.of(
            new DnsSnapshot.RecordSet("shop.example.com", "A", foundTtl, List.of("203.0.113.10"))));
  }

  @Override
  public Outcome setTtl(TtlRequest request) {
    return outcome("setTtl", request.restore() ? "restore TTL" : "set TTL " + request.ttl());
  }

  @Override
  public Outcome awaitTtl(TtlRequest request) {
    return outcome(
        "awaitTtl", request.restore() ? "TTL restored" : "TTL " + request.ttl() + " served");
  }

  @Override
  public Outcome shift(ShiftRequest request) {
    return outcome("shift", "point names to the " + words(request));
  }

  @Override
  public Outcome awaitPropagation(ShiftRequest request) {
    return outcome("awaitPropagation", "names point to the " + words(request));
  }

  private static String words(ShiftRequest request) {
    return request.to().word() + (request.share() == null ? "" : " for " + request.share() + " %");
  }

  @Override
  public ChangePlan planNames(NamesRequest request) {
    happens("planNames", "plan the names");
    return ChangePlan.NONE;
  }

  @Override
  public Outcome listZones(DnsMove move) {
    return outcome("listZones", "the zone of " + move.dns().provider());
  }

  @Override
  public void holdNames(ShiftRequest request) {
    looks.merge("holdNames", 1, Integer::sum);
    throw watchingOn();
  }

  // Traffic

  @Override
  public ChangePlan planShare(ShareRequest request) {
    happens("planShare", "plan the traffic");
    return ChangePlan.NONE;
  }

  @Override
  public Outcome shiftShare(ShareRequest request) {
    return outcome("shiftShare", "set share " + request.share() + " %");
  }

  @Override
  public Outcome awaitShare(ShareRequest request) {
    return outcome("awaitShare", "share " + request.share() + " % in force");
  }

  @Override
  public Outcome holdShare(ShareRequest request) {
    looks.merge("holdShare", 1, Integer::sum);
    String lost = losses.poll();
    if (lost == null) {
      throw watchingOn();
    }
    return outcome("holdShare", lost);
  }

  @Override
  public Outcome forgetWayBack(ShareRequest request) {
    return outcome("forgetWayBack", "forget the traffic's way back");
  }

  // Machines

  @Override
  public ChangePlan planMachines(MachinesRequest request) {
    happens("planMachines", "plan the machines");
    return new ChangePlan(machineFindings, List.of(), List.of());
  }

  @Override
  public Outcome provisionMachines(MachinesRequest request) {
    return outcome("provisionMachines", "make the machines");
  }

  @Override
  public Outcome awaitMachines(MachinesRequest request) {
    return outcome("awaitMachines", "machines are healthy");
  }

  @Override
  public Outcome removeMachines(MachinesRequest request) {
    return outcome("removeMachines", "remove the machines");
  }

  @Override
  public ChangePlan planRetirement(RetireRequest request) {
    happens("planRetirement", "plan the retirement of the old machines");
    return new ChangePlan(oldMachineFindings, List.of(), List.of());
  }

  @Override
  public OldMachines lookAtOldMachines(RetireRequest request) {
    happens("lookAtOldMachines", "look at the old machines");
    return oldMachines;
  }

  @Override
  public Outcome stopMachines(RetireRequest request) {
    stopped = request;
    return outcome("stopMachines", "stop the old machines");
  }

  @Override
  public Outcome terminateMachines(RetireRequest request) {
    terminated = request;
    return outcome("terminateMachines", "terminate the old machines");
  }

  @Override
  public Outcome listCosts(RetireRequest request) {
    return new Outcome("nothing costs money any more");
  }

  @Override
  public Window nextWindow(String text) {
    happens("nextWindow", "look up the window");
    return window;
  }
}
