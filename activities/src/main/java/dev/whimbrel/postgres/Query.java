package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;

/** A statement that is put together from parts, each with its own parameters. */
final class Query {
  private final StringBuilder sql = new StringBuilder();
  private final List<Object> parameters = new ArrayList<>();

  /**
   * Adds a part.
   *
   * @param values for its question marks: text, a number, or an array of either
   */
  Query add(String part, Object... values) {
    sql.append(part);
    parameters.addAll(List.of(values));
    return this;
  }

  /** What is made of one row of the answer. */
  interface Reader {
    void read(ResultSet row) throws SQLException;
  }

  /** Runs it and reads every row. */
  void run(Connection connection, Reader reader) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(sql.toString())) {
      for (int i = 0; i < parameters.size(); i++) {
        Object value = parameters.get(i);
        if (value instanceof String[] texts) {
          statement.setArray(i + 1, connection.createArrayOf("text", texts));
        } else if (value instanceof Long[] numbers) {
          statement.setArray(i + 1, connection.createArrayOf("int8", numbers));
        } else {
          statement.setObject(i + 1, value);
        }
      }
      try (ResultSet rows = statement.executeQuery()) {
        while (rows.next()) {
          reader.read(rows);
        }
      }
    }
  }
}
