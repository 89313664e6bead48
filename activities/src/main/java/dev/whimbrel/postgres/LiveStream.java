package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Progress;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** The stream of the stages that are live, seen from the source while the next one is copied. */
final class LiveStream {
  /** A worker starts again five seconds after it died: four starts in vain. */
  private static final Duration STANDSTILL = Duration.ofSeconds(20);

  private final Connection source;
  private final Names names;
  private @Nullable Instant absentSince;
  private String words = "";
  private @Nullable String warning;

  LiveStream(Connection source, Move move) {
    this.source = source;
    this.names = new Names(move.migration());
  }

  /** Looks once; says nothing while nothing is live. */
  void look() throws SQLException {
    try (Statement statement = source.createStatement();
        ResultSet row =
            statement.executeQuery(
                "SELECT active, wal_status IS NOT DISTINCT FROM 'lost', pg_catalog.pg_size_pretty("
                    + "greatest(0, pg_catalog.pg_current_wal_lsn() - confirmed_flush_lsn))"
                    + " FROM pg_catalog.pg_replication_slots WHERE slot_name = "
                    + Quoting.literal(names.forwardSubscription()))) {
      if (!row.next()) {
        words = "";
        warning = null;
        return;
      }
      boolean reads = row.getBoolean(1) && !row.getBoolean(2);
      Instant now = Instant.now();
      absentSince = reads ? null : absentSince == null ? now : absentSince;
      words = ", what is live is %s behind".formatted(row.getString(3));
      warning =
          absentSince != null && Duration.between(absentSince, now).compareTo(STANDSTILL) > 0
              ? "the stream of the stages that are live has not been read for more than %d s: the target's server log names the cause ('logical replication')"
                  .formatted(STANDSTILL.toSeconds())
              : null;
    }
  }

  /** The progress with what was seen. */
  Progress saidWith(String line) {
    return Progress.of(line + words).warning(warning);
  }
}
