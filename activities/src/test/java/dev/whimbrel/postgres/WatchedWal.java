package dev.whimbrel.postgres;

import dev.whimbrel.activity.KeptWal;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.WalReport;
import dev.whimbrel.activity.WalRequest;
import dev.whimbrel.secrets.Secrets;
import io.temporal.activity.ActivityOptions;
import io.temporal.testing.TestActivityEnvironment;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;

/** A watch over the kept log, as an activity on a thread of its own. */
final class WatchedWal implements AutoCloseable {
  private final TestActivityEnvironment env = TestActivityEnvironment.newInstance();
  private final List<Progress> said = new CopyOnWriteArrayList<>();
  private final CompletableFuture<WalReport> report;

  WatchedWal(WalRequest request) {
    env.setActivityHeartbeatListener(Progress.class, said::add);
    env.registerActivitiesImplementations(
        new PostgresKeptWal(new Secrets(), new Pace(Duration.ofMillis(200))));
    KeptWal watch =
        env.newActivityStub(
            KeptWal.class,
            ActivityOptions.newBuilder()
                .setStartToCloseTimeout(Duration.ofMinutes(5))
                .setHeartbeatTimeout(Duration.ofMillis(500)) // how often it is heard
                .build());
    report = CompletableFuture.supplyAsync(() -> watch.awaitWal(request));
  }

  /** Waits for its end. */
  WalReport report() throws Exception {
    return report.get(60, TimeUnit.SECONDS);
  }

  boolean ended() {
    return report.isDone();
  }

  /** Waits until the status would show this. */
  void awaitLine(String pattern) {
    await("the watch says " + pattern, () -> last().matches(pattern));
  }

  /** Waits until the status would warn of this. */
  void awaitWarning(String pattern) {
    await("the watch warns " + pattern, () -> warning().matches(pattern));
  }

  private void await(String what, Wait.Condition condition) {
    try {
      Wait.until(what, Duration.ofSeconds(60), condition);
    } catch (AssertionError e) {
      throw new AssertionError(e.getMessage() + "; it said " + said, e);
    }
  }

  /** What is warned of now. */
  String warning() {
    return said.isEmpty() ? "" : String.valueOf(said.get(said.size() - 1).warning());
  }

  private String last() {
    return said.isEmpty() ? "nothing" : said.get(said.size() - 1).line();
  }

  @Override
  public void close() {
    env.requestCancelActivity();
    Wait.until("the watch ends", Duration.ofSeconds(30), report::isDone);
    env.close();
  }
}
