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

  /** Raises the target's sequences to the source's values; returns how many there are. */
  static int carry(Connection source, Connection target) throws SQLException {
    List<List<@Nullable String>> values =
        rows(source, Sequences.read(rows(source, Sequences.LIST)));
    try (Statement statement = target.createStatement()) {
      statement.execute(Sequences.carry(values, Sequences.MARGIN));
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
