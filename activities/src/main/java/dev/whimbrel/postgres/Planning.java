package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;

/** Tells the planner of both sessions which way to read a table. */
final class Planning {
  /** By an index for the rest of a transaction, of whatever session. */
  static final String BY_INDEXES_HERE =
      "set local enable_seqscan = off; set local enable_indexscan = on; set local enable_nestloop = on; set local enable_mergejoin = off; set local enable_hashjoin = off; ";

  private Planning() {}

  /** By an index: else a table might be scanned for each of its blocks. */
  static void byIndexes(Pair pair) throws SQLException {
    prefer(pair, "set enable_seqscan = off; set enable_indexscan = on");
  }

  /** By scans of pages: else an index might be read for all of a table. */
  static void byScans(Pair pair) throws SQLException {
    prefer(pair, "set enable_seqscan = on; set enable_indexscan = off");
  }

  private static void prefer(Pair pair, String settings) throws SQLException {
    for (Connection connection : List.of(pair.truth(), pair.follower())) {
      try (Statement statement = connection.createStatement()) {
        statement.execute(settings);
      }
    }
  }
}
