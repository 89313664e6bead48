package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.Connect;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.servers.PostgresServer;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;

/** Two servers, and a migration between databases of the same name on both. */
record Pairs(PostgresServer source, PostgresServer target) implements AutoCloseable {
  static Pairs of(int sourceVersion, int targetVersion) {
    return new Pairs(PostgresServer.start(sourceVersion), PostgresServer.start(targetVersion));
  }

  /** Creates an empty database on both sides, claimed by a migration of the same name. */
  Move database(String name) throws SQLException {
    source.createDatabase(name);
    target.createDatabase(name);
    return claim(move(name));
  }

  Move move(String name) {
    return move(name, 4);
  }

  /** A move that so many do at once. */
  Move move(String name, int jobs) {
    return new Move(
        name,
        new PostgresSpec(source.url(name), null, null, null),
        new PostgresSpec(target.url(name), null, null, null),
        List.of(Connect.MANUAL),
        List.of(),
        jobs,
        Duration.ofSeconds(1));
  }

  Move claim(Move move) throws SQLException {
    try (Connection there = source.connect(move.migration());
        Connection here = target.connect(move.migration())) {
      Authority.claim(there, move.migration(), Side.SOURCE);
      Authority.claim(here, move.migration(), Side.TARGET);
    }
    return move;
  }

  static String value(PostgresServer server, String database, String sql) throws SQLException {
    try (Connection connection = server.connect(database);
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(sql)) {
      return row.next() ? String.valueOf(row.getString(1)) : "";
    }
  }

  @Override
  public void close() {
    source.close();
    target.close();
  }
}
