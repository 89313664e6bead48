package dev.whimbrel.postgres;

import dev.whimbrel.activity.Copy;
import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.activity.Move;
import dev.whimbrel.secrets.Secrets;
import io.temporal.activity.ActivityOptions;
import io.temporal.common.RetryOptions;
import io.temporal.testing.TestActivityEnvironment;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** One attempt to hold a snapshot, as an activity on a thread of its own. */
final class Holder implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofSeconds(60);

  final CopyRequest request;
  private final TestActivityEnvironment environment = TestActivityEnvironment.newInstance();
  private final FutureTask<Boolean> attempt;

  Holder(PostgresCopy copy, CopyRequest request) {
    this.request = request;
    environment.registerActivitiesImplementations(copy);
    Copy activity =
        environment.newActivityStub(
            Copy.class,
            ActivityOptions.newBuilder()
                .setStartToCloseTimeout(Duration.ofMinutes(10))
                .setHeartbeatTimeout(Duration.ofMillis(500)) // how often it is heard
                .setRetryOptions(RetryOptions.newBuilder().setMaximumAttempts(1).build())
                .build());
    attempt =
        AtOnce.beside(
            "holder",
            () -> {
              activity.keepGeneration(request);
              return true;
            });
  }

  /** The attempt ends as with its worker, whose sessions are gone. */
  void die() throws Exception {
    endSessions("hold-snapshot");
    failure();
  }

  /** Ends the session of the source that keeps the snapshot. */
  void endKeeper() throws SQLException {
    endSessions("snapshot " + request.generation());
  }

  private void endSessions(String step) throws SQLException {
    Move move = request.move();
    try (Connection source =
            new Databases(new Secrets()).open(move.source(), "a person", Duration.ofSeconds(30));
        PreparedStatement end =
            source.prepareStatement(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = ?")) {
      end.setString(1, Names.applicationName(move.migration(), step));
      end.executeQuery().close();
    }
  }

  /** What the attempt has failed with. */
  Throwable failure() throws InterruptedException, TimeoutException {
    try {
      attempt.get(LIMIT.toSeconds(), TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      return e.getCause();
    }
    throw new AssertionError("it has not failed");
  }

  /** The generation is over: whoever holds it is cancelled. */
  @Override
  public void close() {
    environment.requestCancelActivity();
    Wait.until("the holder ends", LIMIT, attempt::isDone);
    environment.close();
  }
}
