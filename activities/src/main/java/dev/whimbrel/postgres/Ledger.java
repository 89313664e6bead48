package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What a migration created on the target, in {@code whimbrel.created} there: written in the
 * transaction that creates it, so that no attempt creates anything twice and the undo drops exactly
 * this.
 */
final class Ledger {
  private static final String VISIBLE =
      "SELECT has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')"
          + " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
          + " WHERE n.nspname = 'whimbrel' AND c.relname = 'created'";

  private final Connection target;
  private final String migration;

  Ledger(Connection target, String migration) {
    this.target = target;
    this.migration = migration;
  }

  /**
   * One record.
   *
   * @param undo the SQL that takes back what was created together
   * @param key of the first thing that was created
   * @param words of what no schema holds: the undo as a person runs it; an older release has
   *     written none
   */
  record Row(long id, String undo, String key, String words) {}

  /** Creates the table where it is missing. */
  void create() throws SQLException {
    try (Statement statement = target.createStatement()) {
      statement.execute(
          "CREATE TABLE IF NOT EXISTS whimbrel.created ("
              + "id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, migration text NOT NULL,"
              + " entries text[] NOT NULL, undo text NOT NULL,"
              + " at timestamptz NOT NULL DEFAULT clock_timestamp())");
    }
    target.commit();
  }

  boolean exists() throws SQLException {
    try (Statement statement = target.createStatement();
        ResultSet row = statement.executeQuery("SELECT to_regclass('whimbrel.created')")) {
      return row.next() && row.getString(1) != null;
    }
  }

  /** Keys of everything created so far. */
  Set<String> done() throws SQLException {
    Set<String> done = new HashSet<>();
    try (PreparedStatement query =
        target.prepareStatement(
            "SELECT unnest(entries) FROM whimbrel.created WHERE migration = ?")) {
      query.setString(1, migration);
      try (ResultSet rows = query.executeQuery()) {
        while (rows.next()) {
          done.add(rows.getString(1));
        }
      }
    }
    return done;
  }

  /**
   * As {@link #done()} for whoever only looks: nothing where there is no table, or none for him.
   */
  Set<String> seen() throws SQLException {
    return Answers.holds(target, VISIBLE) ? done() : Set.of();
  }

  /** Records, in the open transaction, what it creates. */
  void record(Collection<String> entries, String undo) throws SQLException {
    Verbatim.execute(target, recording(migration, entries, undo));
  }

  /** A statement that records what its transaction creates. */
  static String recording(String migration, Collection<String> entries, String undo) {
    return "INSERT INTO whimbrel.created (migration, entries, undo) VALUES (%s, ARRAY[%s]::text[], %s)"
        .formatted(
            Quoting.literal(migration),
            entries.stream().map(Quoting::literal).collect(Collectors.joining(", ")),
            Quoting.literal(undo));
  }

  /** All records, newest first. */
  List<Row> newestFirst() throws SQLException {
    List<Row> rows = new ArrayList<>();
    try (PreparedStatement query =
        target.prepareStatement(
            "SELECT id, undo, coalesce(entries[1], ''), coalesce(entries[2], '') FROM whimbrel.created WHERE migration = ? ORDER BY id DESC")) {
      query.setString(1, migration);
      try (ResultSet found = query.executeQuery()) {
        while (found.next()) {
          rows.add(
              new Row(
                  found.getLong(1), found.getString(2), found.getString(3), found.getString(4)));
        }
      }
    }
    return rows;
  }

  /** Forgets a record, in the open transaction that takes it back. */
  void forget(Row row) throws SQLException {
    try (PreparedStatement delete =
        target.prepareStatement("DELETE FROM whimbrel.created WHERE id = ?")) {
      delete.setLong(1, row.id());
      delete.executeUpdate();
    }
  }

  /** Drops the table when no record is left in it. */
  void dropIfEmpty() throws SQLException {
    try (Statement statement = target.createStatement();
        ResultSet row = statement.executeQuery("SELECT EXISTS (SELECT FROM whimbrel.created)")) {
      row.next();
      if (!row.getBoolean(1)) {
        statement.execute("DROP TABLE whimbrel.created");
      }
    }
    target.commit();
  }
}
