package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The snapshots of a bulk copy, in {@code whimbrel.copy_generation} on the target. */
final class CopyGenerations {
  private static final String SELECT =
      "SELECT number, slot, lsn::text, opened_at IS NOT NULL, bytes_again"
          + " FROM whimbrel.copy_generation WHERE true ";

  private final Connection target;

  CopyGenerations(Connection target) {
    this.target = target;
  }

  /**
   * One snapshot.
   *
   * @param number counts from 1
   * @param slot the slot that begins where the snapshot ends
   * @param lsn where that is
   * @param opened whether everything copied so far belongs to it
   * @param bytesAgain what had been copied before it and is copied once more
   */
  record Generation(int number, String slot, String lsn, boolean opened, long bytesAgain) {}

  /** The newest that began. */
  int last() throws SQLException {
    return query("ORDER BY number DESC", 0).map(Generation::number).orElse(0);
  }

  Optional<Generation> find(int number) throws SQLException {
    return query("AND number = ?", number);
  }

  /** The newest whose snapshot is what has been copied so far. */
  Optional<Generation> opened() throws SQLException {
    return query("AND opened_at IS NOT NULL ORDER BY number DESC", 0);
  }

  /** Records a snapshot that can be read from now on. */
  void begin(int number, String slot, String snapshot, String lsn) throws SQLException {
    try (PreparedStatement insert =
        target.prepareStatement(
            "INSERT INTO whimbrel.copy_generation (number, slot, lsn) VALUES (?, ?, ?::pg_lsn)")) {
      insert.setInt(1, number);
      insert.setString(2, slot);
      insert.setString(3, lsn);
      insert.executeUpdate();
    }
    export(number, snapshot);
  }

  /** Records one more name under which the snapshot can be read. */
  void export(int number, String snapshot) throws SQLException {
    try (PreparedStatement insert =
        target.prepareStatement(
            "INSERT INTO whimbrel.copy_snapshot VALUES (?, ?) ON CONFLICT DO NOTHING")) {
      insert.setInt(1, number);
      insert.setString(2, snapshot);
      insert.executeUpdate();
    }
  }

  /** Names under which the snapshot was exported; some may be gone. */
  List<String> snapshots(int number) throws SQLException {
    List<String> names = new ArrayList<>();
    try (PreparedStatement select =
        target.prepareStatement(
            "SELECT snapshot FROM whimbrel.copy_snapshot WHERE generation = ?")) {
      select.setInt(1, number);
      try (ResultSet rows = select.executeQuery()) {
        while (rows.next()) {
          names.add(rows.getString(1));
        }
      }
    }
    return names;
  }

  /** Says, in the open transaction, that everything copied so far belongs to the snapshot. */
  void open(int number, long bytesAgain) throws SQLException {
    try (PreparedStatement update =
        target.prepareStatement(
            "UPDATE whimbrel.copy_generation SET opened_at = clock_timestamp(), bytes_again = ?"
                + " WHERE number = ?")) {
      update.setLong(1, bytesAgain);
      update.setInt(2, number);
      update.executeUpdate();
    }
  }

  /**
   * Whether this is still the snapshot that counts; if so, keeps a newer one from being opened
   * until the open transaction ends.
   */
  boolean mayKeep(int number) throws SQLException {
    try (PreparedStatement select =
        target.prepareStatement(
            "SELECT number FROM whimbrel.copy_generation WHERE number = ? FOR SHARE")) {
      select.setInt(1, number);
      select.executeQuery().close();
    }
    return opened().filter(opened -> opened.number() == number).isPresent();
  }

  /** Waits for whoever is in the middle of a piece of an older generation, and stops the rest. */
  void closeOlder() throws SQLException {
    try (PreparedStatement lock =
        target.prepareStatement("SELECT number FROM whimbrel.copy_generation FOR UPDATE")) {
      lock.executeQuery().close();
    }
  }

  private Optional<Generation> query(String condition, int number) throws SQLException {
    try (PreparedStatement select = target.prepareStatement(SELECT + condition + " LIMIT 1")) {
      if (number > 0) {
        select.setInt(1, number);
      }
      try (ResultSet row = select.executeQuery()) {
        return row.next() ? Optional.of(read(row)) : Optional.empty();
      }
    }
  }

  private static Generation read(ResultSet row) throws SQLException {
    return new Generation(
        row.getInt(1), row.getString(2), row.getString(3), row.getBoolean(4), row.getLong(5));
  }
}
