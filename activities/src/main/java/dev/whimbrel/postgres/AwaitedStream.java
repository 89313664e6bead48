package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import java.sql.Connection;
import java.sql.SQLException;

/** A stream that counts as a synchronous standby holds up production wherever it waits. */
final class AwaitedStream {
  private AwaitedStream() {}

  /**
   * Refuses to hold such a stream.
   *
   * @param why what it would be held for
   * @param then what to do when no commit waits for it any more
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} where commits of the source
   *     wait for the stream
   */
  static void refuse(Connection source, Stream stream, String why, String then)
      throws SQLException {
    String names =
        Answers.text(
            source,
            "SELECT current_setting('synchronous_standby_names') WHERE"
                + " current_setting('synchronous_standby_names') <> ''"
                + " AND EXISTS (SELECT FROM pg_stat_replication r JOIN pg_replication_slots s"
                + " ON s.active_pid = r.pid WHERE s.slot_name = "
                + PublishedTables.anyOf(stream.slots())
                + " AND r.sync_state IS DISTINCT FROM 'async')");
    if (!names.isEmpty()) {
      throw Failures.needsHelp(
          "The stream %s counts as a synchronous standby of the source (synchronous_standby_names = '%s'): every commit there would wait while %s"
              .formatted(stream.words(), names, why),
          "name the real standbys in synchronous_standby_names, so that no commit waits for the stream; then "
              + then,
          "ALTER SYSTEM SET synchronous_standby_names = '…'; SELECT pg_reload_conf(); -- on the source");
    }
  }
}
