package dev.whimbrel.postgres;

import static java.util.stream.Collectors.joining;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A statement that is put together from parts, each with its own parameters. */
final class Query {
  private final List<Part> parts = new ArrayList<>();
  private final List<Object> parameters = new ArrayList<>();

  /**
   * Adds a part.
   *
   * @param values for its question marks: text, a number, or an array of either
   */
  Query add(String part, Object... values) {
    parts.add(new Part(part, values.length));
    parameters.addAll(List.of(values));
    return this;
  }

  /**
   * Its text with every value written out, for a session that sends plain messages. A question mark
   * inside a quoted name stands for itself.
   */
  String literally() {
    StringBuilder text = new StringBuilder();
    int next = 0;
    for (Part part : parts) {
      boolean quoted = false;
      for (char c : part.sql().toCharArray()) {
        quoted ^= c == '"';
        if (c == '?' && !quoted && part.values() > 0) {
          text.append(literal(parameters.get(next++)));
        } else {
          text.append(c);
        }
      }
    }
    return text.toString();
  }

  private static String literal(Object value) {
    if (value instanceof Object[] values) {
      return Arrays.stream(values).map(Query::literal).collect(joining(", ", "array[", "]"))
          + (values instanceof Long[] ? "::int8[]" : "::text[]");
    }
    return value instanceof Long number ? number.toString() : Quoting.literal(value.toString());
  }

  /** What is made of one row of the answer. */
  interface Reader {
    void read(ResultSet row) throws SQLException;
  }

  /** With question marks for the values. */
  private String text() {
    return parts.stream().map(Part::sql).collect(joining());
  }

  private record Part(String sql, int values) {}

  /** Runs it and reads every row. */
  void run(Connection connection, Reader reader) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(text())) {
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
