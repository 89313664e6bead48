package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Optional;

/** Why the source keeps a snapshot no longer, as far as it can be told afterwards. */
final class SnapshotLoss {
  private static final String FACTS =
      "SELECT pg_catalog.pg_is_in_recovery(), extract(epoch FROM"
          + " pg_catalog.pg_postmaster_start_time())::pg_catalog.numeric";

  private SnapshotLoss() {}

  /**
   * The reason in words, with what to do about it.
   *
   * @param identity the snapshot's {@link Snapshots#identity}
   * @param said what its session has said at its end, where somebody heard it
   */
  static String why(Connection source, String identity, Optional<String> said) throws SQLException {
    try (Statement statement = source.createStatement();
        ResultSet row = statement.executeQuery(FACTS)) {
      row.next();
      if (!identity.contains(" " + row.getString(2) + " ")) {
        return "the source was restarted";
      }
      String heard = said.map(words -> " (" + words + ")").orElse("");
      return row.getBoolean(1)
          ? "the standby has ended the session that kept it%s. Fix, for as long as the clone is made: on the standby ALTER SYSTEM SET hot_standby_feedback = on; or max_standby_streaming_delay = -1; then SELECT pg_reload_conf();"
              .formatted(heard.isEmpty() ? ", for its recovery unless somebody else did" : heard)
          : "the session that kept it was ended on the source"
              + (heard.isEmpty()
                  ? ", by somebody or since nobody had needed it for an hour"
                  : heard);
    }
  }
}
