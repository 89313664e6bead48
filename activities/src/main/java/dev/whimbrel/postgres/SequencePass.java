package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Carries the sequences long before the switchover, which does it again inside its pause. */
final class SequencePass {
  private SequencePass() {}

  /** A condition: it can be read now. Others are gone, or not on a standby. */
  private static final String READABLE =
      " WHERE to_regclass(name) IS NOT NULL"
          + " AND NOT (pg_is_in_recovery() AND EXISTS (SELECT FROM pg_class c"
          + " WHERE c.oid = to_regclass(name) AND c.relpersistence = 'u'))";

  /** Raises the target's sequences to the source's values; returns how many there are. */
  static int carry(Connection source, Connection target, Selection selection) throws SQLException {
    return carry(source, target, Sequences.list(selection), Sequences.MARGIN);
  }

  /** Those that move, that the session's snapshot knows, and that the source has no more. */
  static List<String> gone(Connection source, Selection selection) throws SQLException {
    return PublishedTables.names(
        source, listed(selection) + " WHERE to_regclass(name) IS NULL ORDER BY 1");
  }

  /** The same for a clone, which nothing follows: the values as they are. */
  static int carryExactly(Connection source, Connection target, Selection selection)
      throws SQLException {
    return carry(source, target, listed(selection) + READABLE, 0);
  }

  /** The offset keeps to_regclass from being asked for what does not move: it may be forbidden. */
  private static String listed(Selection selection) {
    return "SELECT s.* FROM ("
        + Sequences.list(selection)
        + " OFFSET 0) AS s(name, inc, low, high, cyclic)";
  }

  private static int carry(Connection source, Connection target, String list, int margin)
      throws SQLException {
    List<List<@Nullable String>> values = rows(source, Sequences.read(rows(source, list)));
    try (Statement statement = target.createStatement()) {
      statement.execute(Sequences.carry(values, margin));
    }
    return values.size();
  }

  private static List<List<@Nullable String>> rows(Connection connection, String sql)
      throws SQLException {
    List<List<@Nullable String>> rows = new ArrayList<>();
    try (Statement statement = connection.createStatement();
        ResultSet found = statement.executeQuery(sql)) {
      int columns = found.getMetaData().getColumnCount();
      while (found.next()) {
        List<@Nullable String> row = new ArrayList<>();
        for (int i = 1; i <= columns; i++) {
          row.add(found.getString(i));
        }
        rows.add(row);
      }
    }
    return rows;
  }
}
