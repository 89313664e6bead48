package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/** What the schema's steps ask the source's catalog. Oids are those that the archive shows too. */
final class SourceCatalog {
  private final Connection source;

  SourceCatalog(Connection source) {
    this.source = source;
  }

  int major() throws SQLException {
    return source.getMetaData().getDatabaseMajorVersion();
  }

  /** Constraints and indexes by which rows are found again: primary keys, replica identities. */
  Set<Long> keys() throws SQLException {
    return oids(
        "SELECT indexrelid FROM pg_index WHERE indisprimary OR indisreplident"
            + " UNION SELECT c.oid FROM pg_constraint c JOIN pg_index i ON i.indexrelid = c.conindid"
            + " WHERE c.contype IN ('p', 'u') AND (i.indisprimary OR i.indisreplident)");
  }

  /** Indexes, and constraints with one, of tables that hold rows, each with its table. */
  Map<Long, Long> tablesOfIndexes() throws SQLException {
    Map<Long, Long> tables = new HashMap<>();
    try (Statement statement = source.createStatement();
        ResultSet rows =
            statement.executeQuery(
                "SELECT i.indexrelid, i.indrelid FROM pg_index i JOIN pg_class t"
                    + " ON t.oid = i.indrelid WHERE t.relkind = 'r'"
                    + " UNION SELECT c.oid, c.conrelid FROM pg_constraint c JOIN pg_class t"
                    + " ON t.oid = c.conrelid WHERE t.relkind = 'r' AND c.contype IN ('p', 'u', 'x')")) {
      while (rows.next()) {
        tables.put(rows.getLong(1), rows.getLong(2));
      }
    }
    return tables;
  }

  /**
   * Foreign keys that may be created without a look at the rows and validated behind that: those
   * that are valid, and between tables that are not partitioned.
   */
  Set<Long> foreignKeysToValidate() throws SQLException {
    return oids(ForeignKeys.TO_VALIDATE);
  }

  /** Triggers and event triggers of Whimbrel's own. */
  Set<Long> ownTriggers() throws SQLException {
    return oids(
        "SELECT oid FROM pg_trigger WHERE tgname ~ '^whimbrel_'"
            + " UNION SELECT oid FROM pg_event_trigger WHERE evtname ~ '^whimbrel_'");
  }

  Map<Long, String> schemas() throws SQLException {
    return names("SELECT oid, nspname FROM pg_namespace");
  }

  Map<Long, String> extensions() throws SQLException {
    return names("SELECT oid, extname FROM pg_extension");
  }

  /** Names of tablespaces that objects of this database use. */
  Set<String> tablespaces() throws SQLException {
    return new HashSet<>(
        names(
                "SELECT DISTINCT t.oid, spcname FROM pg_class c JOIN pg_tablespace t ON t.oid ="
                    + " c.reltablespace WHERE spcname NOT IN ('pg_default', 'pg_global')")
            .values());
  }

  private Set<Long> oids(String sql) throws SQLException {
    Set<Long> oids = new HashSet<>();
    try (Statement statement = source.createStatement();
        ResultSet rows = statement.executeQuery(sql)) {
      while (rows.next()) {
        oids.add(rows.getLong(1));
      }
    }
    return oids;
  }

  private Map<Long, String> names(String sql) throws SQLException {
    Map<Long, String> names = new HashMap<>();
    try (Statement statement = source.createStatement();
        ResultSet rows = statement.executeQuery(sql)) {
      while (rows.next()) {
        names.put(rows.getLong(1), rows.getString(2));
      }
    }
    return names;
  }
}
