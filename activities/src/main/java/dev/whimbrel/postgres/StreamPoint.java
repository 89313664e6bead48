package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Side;
import java.sql.SQLException;
import java.time.Duration;
import java.util.UUID;

/** Waits until the stream has carried everything that was committed before the call. */
interface StreamPoint extends AutoCloseable {
  /** Longer than a busy stream is behind; a stream that stands still is said so. */
  Duration PATIENCE = Duration.ofSeconds(60);

  /**
   * Returns when everything committed on the truth before the call is visible on the follower.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code Transient} when the stream does not move
   */
  void pass() throws SQLException;

  @Override
  void close() throws SQLException;

  /** By a marker that is written on the one side and awaited on the other. */
  static void pass(Pair pair, Side from) throws SQLException {
    UUID marker = Markers.write(pair.truth(), from, "verification");
    if (!Markers.await(pair.follower(), from, marker, PATIENCE)) {
      throw Failures.transientFailure(
          "Cannot verify: the stream from "
              + from.word()
              + " to "
              + from.other().word()
              + " did not carry a marker within "
              + PATIENCE.toSeconds()
              + " s; see pg_stat_subscription and the log of the "
              + from.other().word());
    }
  }
}
