package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Cuts a large table into stretches of its key, so that several sessions can compare it at once.
 * Where to cut is told by the planner's histogram of the key: stretches are never more than about
 * equal, but together they are the whole table, whatever the histogram says.
 */
final class Stretches {
  /** A second or two of work: what is cut further would not end sooner. */
  static final long ROWS = 500_000;

  private static final String BOUNDS =
      "SELECT histogram_bounds::text::text[] FROM pg_catalog.pg_stats"
          + " WHERE schemaname = ? AND tablename = ? AND attname = ? AND NOT inherited";

  private final Connection truth;
  private final long rows;

  /**
   * Asks the side that takes the writes.
   *
   * @param rows how many rows a stretch shall hold
   */
  Stretches(Connection truth, long rows) {
    this.truth = truth;
    this.rows = rows;
  }

  /** The stretches of a table, in order; one where it is small or nothing is known of its key. */
  List<Block.Range> of(ComparedTable table) throws SQLException {
    List<Block.Range> stretches = new ArrayList<>();
    @Nullable List<String> after = null;
    for (String bound : bounds(table)) {
      List<String> upTo = List.of(bound);
      stretches.add(new Block.Range(after, upTo));
      after = upTo;
    }
    stretches.add(new Block.Range(after, null));
    return stretches;
  }

  /** Where to cut: one bound less than there are stretches. */
  private List<String> bounds(ComparedTable table) throws SQLException {
    long wanted = table.rows() / rows;
    if (wanted < 2 || !table.sortsAlike() || table.key().size() != 1) {
      return List.of();
    }
    List<String> known = histogram(table);
    List<String> bounds = new ArrayList<>();
    // The first and the last bound are the ends of the table as it was.
    int inner = known.size() - 1;
    for (long i = 1; i < Math.min(wanted, inner); i++) {
      bounds.add(known.get((int) (inner * i / Math.min(wanted, inner))));
    }
    return bounds;
  }

  private List<String> histogram(ComparedTable table) throws SQLException {
    try (PreparedStatement select = truth.prepareStatement(BOUNDS)) {
      select.setString(1, table.schema());
      select.setString(2, table.name());
      select.setString(3, table.key().get(0));
      try (ResultSet row = select.executeQuery()) {
        return row.next() && row.getArray(1) != null
            ? List.of((String[]) row.getArray(1).getArray())
            : List.of();
      }
    }
  }
}
