package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Both databases as the checks of preflight look at them.
 *
 * @param move the migration
 * @param source a connection to the source
 * @param target a connection to the target
 */
record Look(Move move, Connection source, Connection target) {

  /** One row of an answer. */
  record Row(List<@Nullable String> values) {
    /** A column from 1, NULL as an empty text. */
    String text(int column) {
      String value = values.get(column - 1);
      return value == null ? "" : value;
    }

    long number(int column) {
      return text(column).isEmpty() ? 0 : Long.parseLong(text(column));
    }

    boolean holds(int column) {
      return text(column).equals("t");
    }
  }

  Connection on(Side side) {
    return side == Side.SOURCE ? source : target;
  }

  int major(Side side) throws SQLException {
    return on(side).getMetaData().getDatabaseMajorVersion();
  }

  int minor(Side side) throws SQLException {
    return on(side).getMetaData().getDatabaseMinorVersion();
  }

  List<Row> rows(Side side, String sql) throws SQLException {
    List<Row> rows = new ArrayList<>();
    try (Statement statement = on(side).createStatement();
        ResultSet found = statement.executeQuery(sql)) {
      int columns = found.getMetaData().getColumnCount();
      while (found.next()) {
        List<@Nullable String> values = new ArrayList<>();
        for (int i = 1; i <= columns; i++) {
          values.add(found.getString(i));
        }
        rows.add(new Row(values));
      }
    }
    return rows;
  }

  void run(Side side, String sql) throws SQLException {
    try (Statement statement = on(side).createStatement()) {
      statement.execute(sql);
    }
  }

  /** The first row; every query that is asked this way has one. */
  Row row(Side side, String sql) throws SQLException {
    return rows(side, sql).get(0);
  }

  boolean holds(Side side, String condition) throws SQLException {
    return row(side, "SELECT " + condition).holds(1);
  }

  /** A setting, or an empty text where this version has none of the name. */
  String setting(Side side, String name) throws SQLException {
    return row(side, "SELECT current_setting('" + name + "', true)").text(1);
  }

  long number(Side side, String sql) throws SQLException {
    return row(side, sql).number(1);
  }

  /** The role under which a side is used, quoted. */
  String role(Side side) throws SQLException {
    return row(side, "SELECT quote_ident(current_user)").text(1);
  }

  boolean isSuperuser(Side side) throws SQLException {
    return holds(side, "rolsuper FROM pg_roles WHERE rolname = current_user");
  }

  String database(Side side) throws SQLException {
    return row(side, "SELECT quote_ident(current_database())").text(1);
  }

  /** {@code orders} for {@code public.orders}, as people say it. */
  static String shortName(String qualified) {
    return qualified.startsWith("public.") ? qualified.substring("public.".length()) : qualified;
  }
}
