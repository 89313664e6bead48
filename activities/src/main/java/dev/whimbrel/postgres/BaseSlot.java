package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;

/**
 * Keeps the base slot on the target within seconds of the present: advancing decodes. Large objects
 * are kept within minutes of it.
 */
final class BaseSlot {
  /** A slot that was left behind for hours decodes for minutes. */
  private static final Duration LONGEST = Duration.ofMinutes(10);

  /** What its sessions are called while it brings large objects. */
  static final String KEEPING = "keep-objects";

  private final Databases databases;
  private final Move move;
  private final Duration every;
  private final KeepingUp objects;
  private long looks;

  BaseSlot(Databases databases, Move move, Pace pace) {
    this.databases = databases;
    this.move = move;
    this.every = pace.of(Pace.Watcher.BASE_SLOT);
    this.objects = new KeepingUp(move.migration());
  }

  /**
   * Advances again and again until cancelled. A switchover that holds the lock is left alone; one
   * that begins ends this connection, and the next round opens another.
   */
  void keep(Pulse pulse) {
    // Shared, and for one statement: enough to be seen by a switchover, never in its way.
    String sql =
        """
        SELECT CASE WHEN pg_try_advisory_xact_lock_shared(%d)
                    THEN (SELECT pg_replication_slot_advance(slot_name, pg_current_wal_lsn())::text
                            FROM pg_replication_slots WHERE slot_name = %s AND active_pid IS NULL)
                    ELSE 'in use' END"""
            .formatted(Sessions.KEY, Quoting.literal(new Names(move.migration()).baseSlot()));
    while (true) {
      try (Connection target =
              databases.open(
                  move.on(Side.TARGET),
                  Names.applicationName(move.migration(), "keep-base"),
                  LONGEST);
          Statement statement = target.createStatement()) {
        while (true) {
          try (ResultSet row = statement.executeQuery(sql)) {
            row.next();
            String at = row.getString(1);
            looks++;
            pulse.say(
                Progress.of(
                        at == null ? "there is no base slot" : "base slot of the way back at " + at)
                    .after(looks));
          }
          if (objects.isDue()) {
            keepUp(pulse);
          }
          pulse.rest(every);
        }
      } catch (SQLException e) {
        pulse.say(Progress.of("the base slot cannot be advanced now (" + e.getSQLState() + ")"));
      }
      pulse.rest(every);
    }
  }

  /** A switchover that is at work is left alone, and one that begins ends this. */
  private void keepUp(Pulse pulse) throws SQLException {
    try (Sessions sessions =
        Sessions.openPolitely(databases, move, KEEPING, Duration.ofMinutes(1))) {
      Truth truth = sessions.locked() ? sessions.truth() : null;
      if (truth != null && truth.open() && truth.side() == Side.SOURCE) {
        objects.bring(sessions, Side.SOURCE, progress -> progress, EarlyLargeObjects.saying(pulse));
      }
    }
  }
}
