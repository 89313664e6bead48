package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

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

  /**
   * When and where a snapshot was taken.
   *
   * @param snapshot as {@code pg_current_snapshot()} says it
   * @param at by the target's clock, ISO 8601
   */
  record Taken(String snapshot, String at, String lsn) {}

  /** What is known of a snapshot that has begun. */
  Taken taken(int number) throws SQLException {
    try (PreparedStatement select =
        target.prepareStatement(
            "SELECT split_part(identity, ' ', 3), to_char(begun_at AT TIME ZONE 'UTC',"
                + " 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), lsn::text"
                + " FROM whimbrel.copy_generation WHERE number = ?")) {
      select.setInt(1, number);
      try (ResultSet row = select.executeQuery()) {
        row.next();
        return new Taken(row.getString(1), row.getString(2), row.getString(3));
      }
    }
  }

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

  /**
   * Records a snapshot that can be read from now on.
   *
   * @param snapshot the name under which it was exported
   * @param identity what tells it from another one of that name
   */
  void begin(int number, String slot, String snapshot, String lsn, String identity)
      throws SQLException {
    makeRoomForIdentities();
    try (PreparedStatement insert =
        target.prepareStatement(
            "INSERT INTO whimbrel.copy_generation (number, slot, lsn, identity)"
                + " VALUES (?, ?, ?::pg_lsn, ?)")) {
      insert.setInt(1, number);
      insert.setString(2, slot);
      insert.setString(3, lsn);
      insert.setString(4, identity);
      insert.executeUpdate();
    }
    export(number, snapshot);
  }

  /** A list that an earlier release has begun has none. */
  private void makeRoomForIdentities() throws SQLException {
    try (Statement statement = target.createStatement();
        ResultSet column =
            statement.executeQuery(
                "SELECT FROM pg_attribute WHERE attname = 'identity'"
                    + " AND attrelid = 'whimbrel.copy_generation'::regclass")) {
      if (column.next()) {
        return;
      }
    }
    try (Statement statement = target.createStatement()) {
      statement.execute("ALTER TABLE whimbrel.copy_generation ADD COLUMN identity text");
    }
  }

  /** What tells the snapshot from another one of its name; null where nobody has kept it. */
  @Nullable String identity(int number) throws SQLException {
    try (PreparedStatement select =
        target.prepareStatement(
            "SELECT to_jsonb(g) ->> 'identity' FROM whimbrel.copy_generation g WHERE number = ?")) {
      select.setInt(1, number);
      try (ResultSet row = select.executeQuery()) {
        return row.next() ? row.getString(1) : null;
      }
    }
  }

  /** Has a session see the snapshot; returns the name under which it exports it once more. */
  String enter(Connection source, int number) throws SQLException, Snapshots.Gone {
    return Snapshots.enter(source, snapshots(number), identity(number), number);
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

  /** Records, in the open transaction, that everything so far is at one position of the log. */
  void joined(String slot, String lsn) throws SQLException {
    try (PreparedStatement insert =
        target.prepareStatement(
            "INSERT INTO whimbrel.copy_generation (number, slot, lsn, opened_at, bytes_again)"
                + " SELECT coalesce(max(number), 0) + 1, ?, ?::pg_lsn, clock_timestamp(),"
                + " coalesce(max(bytes_again), 0) FROM whimbrel.copy_generation")) {
      insert.setString(1, slot);
      insert.setString(2, lsn);
      insert.executeUpdate();
    }
  }

  /** How many snapshots there were. */
  int snapshots() throws SQLException {
    return Integer.parseInt(
        Answers.text(target, "SELECT count(DISTINCT generation) FROM whimbrel.copy_snapshot"));
  }

  /**
   * Whether this is still the snapshot that counts, and the target still this migration's; if so,
   * keeps both so until the open transaction ends.
   */
  boolean mayKeep(String migration, int number) throws SQLException {
    try (PreparedStatement select =
        target.prepareStatement(
            "SELECT number FROM whimbrel.copy_generation, whimbrel.authority"
                + " WHERE number = ? AND migration = ? FOR SHARE")) {
      select.setInt(1, number);
      select.setString(2, migration);
      try (ResultSet row = select.executeQuery()) {
        if (!row.next()) {
          return false;
        }
      }
    }
    return opened().filter(opened -> opened.number() == number).isPresent();
  }

  /** Adds, in the open transaction, to what is copied once more. */
  void addBytesAgain(int number, long bytes) throws SQLException {
    try (PreparedStatement update =
        target.prepareStatement(
            "UPDATE whimbrel.copy_generation SET bytes_again = bytes_again + ? WHERE number = ?")) {
      update.setLong(1, bytes);
      update.setInt(2, number);
      update.executeUpdate();
    }
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
