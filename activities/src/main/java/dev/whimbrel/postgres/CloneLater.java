package dev.whimbrel.postgres;

import dev.whimbrel.postgres.SchemaCopy.LaterEntry;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What comes behind the rows of a clone, in {@code whimbrel.clone_later} on the target: read while
 * the snapshot was young, since hours later the source's catalog may have gone on.
 */
final class CloneLater {
  private final Connection target;

  CloneLater(Connection target) {
    this.target = target;
  }

  void create() throws SQLException {
    try (Statement statement = target.createStatement()) {
      statement.execute(
          "CREATE TABLE IF NOT EXISTS whimbrel.clone_later ("
              + "id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, dump_id int NOT NULL,"
              + " catalog bigint NOT NULL, oid bigint NOT NULL, label text NOT NULL,"
              + " sql text NOT NULL, undo text NOT NULL)");
    }
  }

  /** Writes it anew, in the open transaction. */
  void write(List<LaterEntry> entries) throws SQLException {
    clear();
    try (PreparedStatement insert =
        target.prepareStatement(
            "INSERT INTO whimbrel.clone_later (dump_id, catalog, oid, label, sql, undo)"
                + " VALUES (?, ?, ?, ?, ?, ?)")) {
      for (LaterEntry later : entries) {
        insert.setInt(1, later.entry().dumpId());
        insert.setLong(2, later.entry().catalog());
        insert.setLong(3, later.entry().oid());
        insert.setString(4, later.entry().label());
        insert.setString(5, later.sql());
        insert.setString(6, later.undo());
        insert.addBatch();
      }
      insert.executeBatch();
    }
  }

  void clear() throws SQLException {
    try (Statement statement = target.createStatement()) {
      statement.execute("DELETE FROM whimbrel.clone_later");
    }
  }

  /** Creates what is not there yet, each in a transaction of its own; returns how many. */
  static int createAll(SchemaSession session) throws SQLException {
    List<LaterEntry> all = new CloneLater(session.connection()).read();
    Set<String> there = session.ledger().done();
    int done = 0;
    for (LaterEntry later : all) {
      SchemaEntry entry = later.entry();
      if (!there.contains(entry.key())) {
        session.create(
            List.of(entry),
            new SchemaScript(Map.of(entry, later.sql()), ""),
            later.undo(),
            SchemaCopy.at(entry, done, all.size()));
      }
      done++;
    }
    return done;
  }

  private List<LaterEntry> read() throws SQLException {
    List<LaterEntry> all = new ArrayList<>();
    try (Statement statement = target.createStatement();
        ResultSet row =
            statement.executeQuery(
                "SELECT dump_id, catalog, oid, label, sql, undo FROM whimbrel.clone_later"
                    + " ORDER BY id")) {
      while (row.next()) {
        all.add(
            new LaterEntry(
                new SchemaEntry(row.getInt(1), row.getLong(2), row.getLong(3), row.getString(4)),
                row.getString(5),
                row.getString(6)));
      }
    }
    return all;
  }
}
