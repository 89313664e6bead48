package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

/** Single values. */
final class Answers {
  private Answers() {}

  /** The first value of the first row; an empty text where there is none. */
  static String text(Connection session, String sql) throws SQLException {
    try (Statement statement = session.createStatement();
        ResultSet row = statement.executeQuery(sql)) {
      String value = row.next() ? row.getString(1) : null;
      return value == null ? "" : value;
    }
  }

  /** Whether the first value of the first row is true; false where there is none. */
  static boolean holds(Connection session, String sql) throws SQLException {
    return text(session, sql).equals("t");
  }
}
