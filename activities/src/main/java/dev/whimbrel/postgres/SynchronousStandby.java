package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import java.sql.SQLException;
import java.time.Duration;

/** The standbys that a server's COMMIT waits for. */
final class SynchronousStandby {
  private static final Duration CALL = Duration.ofSeconds(5);

  /** A standby that is restarted is back by then. */
  private static final Duration BACK = Duration.ofSeconds(3);

  /** Only who may see the state of standbys can say that none answers. */
  private static final String AWAITED_IN_VAIN =
      """
      SELECT current_setting('synchronous_standby_names')
       WHERE current_setting('synchronous_standby_names') <> ''
         AND pg_has_role('pg_read_all_stats', 'USAGE')
         AND NOT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum'))""";

  private SynchronousStandby() {}

  /**
   * Looks whether a COMMIT could end. No time-out of the server's reaches a COMMIT that waits, and
   * it keeps its locks meanwhile.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} where none answers for 3 s
   */
  static void mustAnswer(Session session, Pulse pulse) throws SQLException {
    Deadline back = new Deadline(BACK);
    while (true) {
      String names = session.value(AWAITED_IN_VAIN, CALL);
      if (names == null) {
        return;
      }
      if (back.passed()) {
        throw Failures.needsHelp(
            "The %s waits for a synchronous standby that does not answer (synchronous_standby_names = '%s'): every COMMIT there hangs, and so would the hand-over"
                .formatted(session.side().word(), names),
            "bring the standby back, or do without it; then retry",
            "ALTER SYSTEM SET synchronous_standby_names = ''; SELECT pg_reload_conf();");
      }
      pulse.rest(Duration.ofMillis(250));
    }
  }
}
