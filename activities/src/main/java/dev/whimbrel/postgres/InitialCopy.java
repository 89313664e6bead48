package dev.whimbrel.postgres;

import dev.whimbrel.activity.Progress;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

/** How far PostgreSQL's own table synchronisation is. */
final class InitialCopy {
  private final Connection target;
  private final Stream stream;
  private long done;
  private long total = -1;

  InitialCopy(Connection target, Stream stream) {
    this.target = target;
    this.stream = stream;
  }

  /** Reads the state of every table; a table counts once its stream is live. */
  Progress look() throws SQLException {
    try (Statement statement = target.createStatement();
        ResultSet row =
            statement.executeQuery(
                "SELECT count(*) FILTER (WHERE srsubstate = 'r'), count(*),"
                    + " coalesce(sum(pg_relation_size(srrelid)), 0)::bigint,"
                    + " pg_size_pretty(coalesce(sum(pg_relation_size(srrelid)), 0))"
                    + " FROM pg_subscription_rel r JOIN pg_subscription s ON s.oid = r.srsubid"
                    + " WHERE s.subname = "
                    + PublishedTables.anyOf(stream.subscriptions())
                    + " AND srrelid <> ALL ("
                    + Quoting.array(stream.lanes().stream().map(Stream.Lane::markers).toList())
                    + "::regclass[]::oid[])")) {
      row.next();
      done = row.getLong(1);
      total = row.getLong(2);
      String line = done + " of " + total + " tables copied, " + row.getString(4);
      return new Progress(line, done, total, null, null, null, null, null);
    }
  }

  boolean isComplete() {
    return total == done;
  }
}
