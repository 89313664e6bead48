package dev.whimbrel.checks;

import dev.whimbrel.activity.Breach;
import dev.whimbrel.activity.Checks;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.GuardRequest;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.SmokeRequest;
import dev.whimbrel.activity.SuiteRequest;
import dev.whimbrel.checks.GuardWindow.State;
import dev.whimbrel.checks.GuardWindow.Verdict;
import dev.whimbrel.postgres.SqlProbe;
import dev.whimbrel.runbook.CheckSpec;
import dev.whimbrel.runbook.GuardSpec;
import dev.whimbrel.secrets.Secrets;
import io.temporal.activity.Activity;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import javax.net.ssl.SSLSocketFactory;
import org.jspecify.annotations.Nullable;

/** Runs the team's checks from this worker, and watches the guards from it. */
public final class RunChecks implements Checks {
  private static final Duration HEARTBEAT = Duration.ofSeconds(1);

  /** Longer than a command gets between being asked to stop and being killed. */
  private static final Duration LAST_WORDS = Duration.ofSeconds(5);

  private final HttpProbe http;
  private final Secrets secrets;
  private final SqlProbe sql;
  private final Consumer<Progress> heartbeat;
  private final Clock clock;

  /** Checks whose database passwords are resolved by {@code secrets}. */
  public RunChecks(Secrets secrets) {
    this(
        (SSLSocketFactory) SSLSocketFactory.getDefault(),
        secrets,
        progress -> Activity.getExecutionContext().heartbeat(progress),
        Clock.systemUTC());
  }

  RunChecks(SSLSocketFactory tls, Secrets secrets, Consumer<Progress> heartbeat, Clock clock) {
    this.http = new HttpProbe(tls);
    this.secrets = secrets;
    this.sql = new SqlProbe(secrets);
    this.heartbeat = heartbeat;
    this.clock = clock;
  }

  @Override
  public Outcome smoke(SmokeRequest request) {
    List<CheckSpec> checks = request.checks();
    List<String> failures = new ArrayList<>();
    ExecutorService thread = Executors.newSingleThreadExecutor(work -> daemon(work, "checks"));
    try {
      SmokeCheck smoke = new SmokeCheck(http, sql, request);
      for (int i = 0; i < checks.size(); i++) {
        CheckSpec check = checks.get(i);
        Progress progress = progress(SmokeCheck.subject(check), i, checks.size());
        Beating.await(thread.submit(() -> smoke.run(check)), heartbeat, () -> progress)
            .ifPresent(failure -> failures.add(SmokeCheck.subject(check) + ": " + failure));
      }
    } finally {
      thread.shutdownNow();
    }
    if (!failures.isEmpty()) {
      throw Failures.needsHelp(
          "%d of %d checks were not green: %s"
              .formatted(failures.size(), checks.size(), String.join(" | ", failures)),
          "mend what is named, then retry",
          null);
    }
    return new Outcome(checks.size() == 1 ? "1 check green" : checks.size() + " checks green");
  }

  @Override
  public Outcome runSuite(SuiteRequest request) {
    SuiteRun suite = new SuiteRun(secrets, request);
    ExecutorService thread = Executors.newSingleThreadExecutor(work -> daemon(work, "suite"));
    try {
      return suite.judge(
          Beating.await(
              thread.submit(suite::run),
              heartbeat,
              () -> Progress.of("running %s, for %s".formatted(suite.subject(), suite.time()))));
    } finally {
      thread.shutdownNow();
      awaitEnd(thread);
    }
  }

  /** Before anybody drops its clone, or runs it again: what it started is told to end first. */
  private static void awaitEnd(ExecutorService thread) {
    try {
      boolean unused = thread.awaitTermination(LAST_WORDS.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public Breach awaitBreach(GuardRequest request) {
    GuardSpec guard = request.guard();
    if (guard.over().compareTo(guard.interval().multipliedBy(GuardWindow.FEWEST_SAMPLES)) < 0) {
      throw Failures.needsHelp(
          "guard %d can never act: 'over' %s holds fewer than %d samples at an interval of %s"
              .formatted(
                  request.number(),
                  guard.over().toString().substring(2).toLowerCase(Locale.ROOT),
                  GuardWindow.FEWEST_SAMPLES,
                  guard.interval().toString().substring(2).toLowerCase(Locale.ROOT)),
          "make 'over' longer or 'interval' shorter in the runbook",
          null);
    }
    Duration pause = guard.interval().compareTo(HEARTBEAT) < 0 ? guard.interval() : HEARTBEAT;
    try (GuardWatch watch =
        new GuardWatch(
            guard,
            new GuardLooks(http, sql, secrets).of(request),
            GuardLooks.wholeLimit(guard),
            GuardLooks.atOnce(guard),
            clock)) {
      while (true) {
        Verdict verdict = watch.judge();
        if (verdict.state() == State.BREACHED) {
          return new Breach(request.number(), clock.instant(), verdict.line());
        }
        heartbeat.accept(
            new Progress(
                    "guard " + request.number() + ": " + verdict.line(),
                    null,
                    null,
                    null,
                    null,
                    null,
                    text(watch.heldSince()),
                    text(watch.lastLooked()))
                .after(watch.looks()));
        Thread.sleep(Math.max(1, pause.toMillis()));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw Failures.transientFailure("Cannot watch on: the worker is shutting down");
    }
  }

  private static Progress progress(String subject, int done, int total) {
    return new Progress(
        "checking " + subject, (long) done, (long) total, null, null, null, null, null);
  }

  private static @Nullable String text(@Nullable Instant instant) {
    return instant == null ? null : instant.toString();
  }

  private static Thread daemon(Runnable work, String name) {
    Thread thread = new Thread(work, name);
    thread.setDaemon(true);
    return thread;
  }
}
