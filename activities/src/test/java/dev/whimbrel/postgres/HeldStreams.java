package dev.whimbrel.postgres;

import dev.whimbrel.servers.PostgresServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** Streams that share the tables, each kept from bringing a marker until it is let go on. */
final class HeldStreams implements AutoCloseable {
  private final PostgresServer target;
  private final String database;
  private final List<Connection> holders = new ArrayList<>();

  HeldStreams(PostgresServer target, String database, int streams) throws SQLException {
    this.target = target;
    this.database = database;
    for (int i = 0; i < streams; i++) {
      holders.add(target.connect(database));
    }
  }

  /** Holds all of them. */
  void hold() throws SQLException {
    for (int i = 0; i < holders.size(); i++) {
      holders.get(i).setAutoCommit(false);
      Verbatim.execute(
          holders.get(i),
          "LOCK TABLE whimbrel.marker_forward_%d IN EXCLUSIVE MODE".formatted(i + 1));
    }
  }

  /** Lets these go on, and waits until they have brought the marker of the hand-over. */
  void letOnly(Set<Integer> streams) throws SQLException {
    for (int stream : streams) {
      holders.get(stream - 1).rollback();
      Wait.until(
          "stream " + stream + " has brought it",
          Duration.ofSeconds(30),
          () ->
              Pairs.value(
                      target,
                      database,
                      "SELECT count(*) FROM whimbrel.marker_forward_%d WHERE writer = 'hand-over'"
                          .formatted(stream))
                  .equals("1"));
    }
  }

  @Override
  public void close() {
    holders.forEach(Load::quietly);
  }
}
