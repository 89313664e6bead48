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
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Objects;
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

  /** Whether somebody needs the snapshot. */
  boolean isConnected() throws SQLException {
    return sessions("hold-snapshot", "true") > 0;
  }

  /** The attempt ends as with its worker, whose sessions are gone. */
  void die() throws Exception {
    sessions("hold-snapshot", "pg_terminate_backend(pid)");
    failure();
  }

  /** How many sessions of the source keep the snapshot. */
  int keepers() throws SQLException {
    return sessions("snapshot " + request.generation(), "state = 'active'");
  }

  /**
   * Ends what keeps the snapshot.
   *
   * @param how {@code pg_terminate_backend}, or {@code pg_cancel_backend}, which leaves the session
   */
  void endKeeper(String how) throws SQLException {
    sessions("snapshot " + request.generation(), how + "(pid)");
  }

  /** How many sessions of a name there are, of which something is asked. */
  private int sessions(String step, String what) throws SQLException {
    Move move = request.move();
    try (Connection source =
            new Databases(new Secrets()).open(move.source(), "a person", Duration.ofSeconds(30));
        PreparedStatement select =
            source.prepareStatement(
                "SELECT count(*) FILTER (WHERE %s) FROM pg_stat_activity WHERE application_name = ?"
                    .formatted(what))) {
      select.setString(1, Names.applicationName(move.migration(), step));
      try (ResultSet row = select.executeQuery()) {
        row.next();
        return row.getInt(1);
      }
    }
  }

  /** What the attempt has failed with. */
  Throwable failure() throws InterruptedException, TimeoutException {
    try {
      attempt.get(LIMIT.toSeconds(), TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      return Objects.requireNonNull(e.getCause());
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
