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
 * Where to cut is told by the planner's histogram of a key of one column, else by the keys on some
 * pages all over the table: stretches are never more than about equal, but together they are the
 * whole table, whatever was found.
 */
final class Stretches {
  /** Keys that are looked at for each stretch, so that these come out about equal. */
  private static final int SAMPLED = 20;

  private static final String BOUNDS =
      "SELECT histogram_bounds::text::text[] FROM pg_catalog.pg_stats"
          + " WHERE schemaname = ? AND tablename = ? AND attname = ? AND NOT inherited";

  private final RowHash hash;
  private final long rows;

  /**
   * Cuts by these rules.
   *
   * @param rows how many rows a stretch shall hold
   */
  Stretches(RowHash hash, long rows) {
    this.hash = hash;
    this.rows = rows;
  }

  /**
   * The stretches of a table, in one server's own order of its key; one where it is small or
   * nothing is known.
   */
  List<Block.Range> of(ComparedTable table, Connection side) throws SQLException {
    List<Block.Range> stretches = new ArrayList<>();
    @Nullable List<String> after = null;
    for (List<String> bound : bounds(table, side)) {
      stretches.add(new Block.Range(after, bound));
      after = bound;
    }
    stretches.add(new Block.Range(after, null));
    return stretches;
  }

  /** Where to cut: one bound less than there are stretches. */
  private List<List<String>> bounds(ComparedTable table, Connection side) throws SQLException {
    long wanted = table.rows() / rows;
    if (wanted < 2) {
      return List.of();
    }
    List<List<String>> known = table.key().size() == 1 ? histogram(table, side) : List.of();
    if (known.isEmpty()) {
      known = new KeyedRows(table, hash).sample(side, wanted * SAMPLED);
    }
    List<List<String>> bounds = new ArrayList<>();
    // The first and the last one are the ends of the table as it was.
    int inner = known.size() - 1;
    for (long i = 1; i < Math.min(wanted, inner); i++) {
      bounds.add(known.get((int) (inner * i / Math.min(wanted, inner))));
    }
    return bounds;
  }

  private static List<List<String>> histogram(ComparedTable table, Connection side)
      throws SQLException {
    try (PreparedStatement select = side.prepareStatement(BOUNDS)) {
      select.setString(1, table.schema());
      select.setString(2, table.name());
      select.setString(3, table.key().get(0));
      try (ResultSet row = select.executeQuery()) {
        List<List<String>> bounds = new ArrayList<>();
        if (row.next() && row.getArray(1) != null) {
          for (String bound : (String[]) row.getArray(1).getArray()) {
            bounds.add(List.of(bound));
          }
        }
        return bounds;
      }
    }
  }
}
