package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Optional;

/** The slot of a generation, which begins where its snapshot ends, and keeps what follows. */
final class CopySlot {
  private final String name;

  CopySlot(Move move, int generation) {
    this.name = new Names(move.migration()).copySlot(generation);
  }

  String name() {
    return name;
  }

  /**
   * A slot that was created.
   *
   * @param snapshot the name under which its snapshot was exported
   * @param lsn where it begins
   */
  record Made(String snapshot, String lsn) {}

  /**
   * Creates it, and waits for every transaction that is open.
   *
   * @param creator speaks the replication protocol; its snapshot lives until it says more
   */
  Made create(Connection creator) throws SQLException {
    try (Statement statement = creator.createStatement();
        ResultSet row =
            statement.executeQuery(
                "CREATE_REPLICATION_SLOT "
                    + Quoting.identifier(name)
                    + " LOGICAL pgoutput EXPORT_SNAPSHOT")) {
      row.next();
      return new Made(row.getString("snapshot_name"), row.getString("consistent_point"));
    }
  }

  /** Drops one that an attempt left behind which was given up before anybody read its snapshot. */
  void drop(Connection source) throws SQLException {
    try (Statement statement = source.createStatement()) {
      statement.execute("SELECT pg_drop_replication_slot(slot_name)" + of());
    }
  }

  /**
   * A look at it.
   *
   * @param kept how much of the log it keeps, in words
   * @param doubt why it is of no use to the snapshot; empty where it is
   */
  record Seen(String kept, Optional<String> doubt) {}

  /**
   * Looks at it.
   *
   * @param lsn where the snapshot ends
   */
  Seen look(Connection source, String lsn) throws SQLException {
    try (Statement statement = source.createStatement();
        ResultSet row =
            statement.executeQuery(
                "SELECT pg_catalog.pg_size_pretty(pg_catalog.pg_current_wal_lsn() - restart_lsn),"
                    + " wal_status = 'lost', confirmed_flush_lsn = %s::pg_catalog.pg_lsn%s"
                        .formatted(Quoting.literal(lsn), of()))) {
      if (!row.next() || row.getBoolean(2)) {
        return new Seen(
            "nothing",
            Optional.of(
                "The source has lost replication slot %s: look for max_slot_wal_keep_size and idle_replication_slot_timeout"
                    .formatted(name)));
      }
      return new Seen(
          row.getString(1),
          row.getBoolean(3)
              ? Optional.empty()
              : Optional.of(
                  "Replication slot %s does not begin where the copy's snapshot ends: somebody has replaced or read it"
                      .formatted(name)));
    }
  }

  private String of() {
    return " FROM pg_catalog.pg_replication_slots WHERE slot_name = " + Quoting.literal(name);
  }
}
