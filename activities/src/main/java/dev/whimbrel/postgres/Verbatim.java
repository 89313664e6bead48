package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;

/** SQL that the driver sends as it stands: names and bodies may hold braces. */
final class Verbatim {
  private Verbatim() {}

  /** Executes it. */
  static void execute(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.setEscapeProcessing(false);
      statement.execute(sql);
    }
  }
}
