package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.secrets.Secrets;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Optional;

/** Asks a database a question whose answer must be true. Reads only. */
public final class SqlProbe {
  private final Databases databases;

  /** A probe whose passwords are resolved by {@code secrets}. */
  public SqlProbe(Secrets secrets) {
    this.databases = new Databases(secrets);
  }

  /**
   * Runs a query in a read-only transaction.
   *
   * @param move the databases
   * @param side where to ask
   * @param sql a query that gives one row with one value
   * @param limit how long the query may take
   * @return empty when its value is true, otherwise what was found instead
   */
  public Optional<String> ask(Move move, Side side, String sql, Duration limit) {
    try (Connection connection = open(move, side, limit)) {
      connection.setReadOnly(true);
      connection.setAutoCommit(false);
      try (Statement statement = connection.createStatement()) {
        statement.execute("set local statement_timeout = " + Math.max(1, limit.toMillis()));
        try (ResultSet rows = statement.executeQuery(sql)) {
          return judge(rows);
        }
      } finally {
        connection.rollback();
      }
    } catch (SQLException e) {
      String message = e.getMessage() == null ? e.getSQLState() : e.getMessage();
      return Optional.of(String.valueOf(message).lines().findFirst().orElse(""));
    }
  }

  /**
   * The side that takes the writes, as the databases themselves know it: the one with the higher
   * epoch is right, and one that cannot be reached does not count.
   *
   * @return empty when neither can be asked
   */
  public Optional<Side> writable(Move move, Duration limit) {
    Optional<Authority.Row> newest = Optional.empty();
    for (Side side : Side.values()) {
      try (Connection connection = open(move, side, limit)) {
        Optional<Authority.Row> row = Authority.read(connection);
        if (row.isPresent() && (newest.isEmpty() || row.get().epoch() > newest.get().epoch())) {
          newest = row;
        }
      } catch (SQLException e) {
        // The other side may still answer.
      }
    }
    return newest.map(Authority.Row::writable);
  }

  private Connection open(Move move, Side side, Duration limit) throws SQLException {
    return databases.open(
        move.on(side),
        Names.applicationName(move.migration(), "check"),
        limit.plus(Duration.ofSeconds(5)));
  }

  private static Optional<String> judge(ResultSet rows) throws SQLException {
    if (rows.getMetaData().getColumnCount() != 1) {
      return Optional.of(
          "expected one value, found " + rows.getMetaData().getColumnCount() + " columns");
    }
    if (!rows.next()) {
      return Optional.of("expected true, found no row");
    }
    String value = rows.getString(1);
    if (rows.next()) {
      return Optional.of("expected one row, found more");
    }
    return "t".equals(value) || "true".equals(value)
        ? Optional.empty()
        : Optional.of("expected true, found " + (value == null ? "null" : value));
  }
}
