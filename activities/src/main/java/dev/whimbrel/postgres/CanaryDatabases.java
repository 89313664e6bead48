package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.PostgresUrl;
import dev.whimbrel.secrets.Secrets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** What the databases themselves say about who uses which of them. Reads only. */
public final class CanaryDatabases {
  private static final Duration ANSWER = Duration.ofSeconds(10);

  /** Sessions of applications: not Whimbrel's own, nor those of its streams. */
  private static final String APPLICATIONS =
      """
      SELECT DISTINCT usename || ' from ' || coalesce(host(client_addr), 'local')
        FROM pg_stat_activity
       WHERE datname = current_database() AND backend_type = 'client backend'
         AND pid <> pg_backend_pid() AND application_name NOT LIKE 'whimbrel %'
         AND usename NOT LIKE 'whimbrel\\_%'
      """;

  private final Databases databases;
  private final Move move;

  /** The databases of a move, whose passwords are resolved by {@code secrets}. */
  public CanaryDatabases(Secrets secrets, Move move) {
    this.databases = new Databases(secrets);
    this.move = move;
  }

  /**
   * The {@code system_identifier} of a side's database cluster.
   *
   * @throws io.temporal.failure.ApplicationFailure as the database's failure is classified
   */
  public String identifier(Side side) {
    try (Connection connection = open(side)) {
      return ForwardSubscriber.system(connection);
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot read the system_identifier of the " + side.word(), e);
    }
  }

  /** Whether the role may see whose sessions there are, and from where. */
  public boolean seesSessions(Side side) {
    return !texts(
            side, "SELECT 'yes' WHERE pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')")
        .isEmpty();
  }

  /** The sessions of applications at a side's database now: {@code shop from 192.0.2.7}. */
  public List<String> applications(Side side) {
    return texts(side, APPLICATIONS);
  }

  /** Those of {@link #applications} that come from one of these addresses. */
  public List<String> applicationsFrom(Side side, List<String> addresses) {
    return texts(
        side,
        APPLICATIONS + " AND client_addr = ANY (?::inet[])",
        addresses.toArray(new String[0]));
  }

  /** How a side's database is found by a stack, without secrets. */
  public String where(Side side) {
    return PostgresUrl.parse(move.on(side).url()).where();
  }

  private List<String> texts(Side side, String sql, String... addresses) {
    List<String> texts = new ArrayList<>();
    try (Connection connection = open(side);
        PreparedStatement statement = connection.prepareStatement(sql)) {
      if (addresses.length > 0) {
        statement.setArray(1, connection.createArrayOf("text", addresses));
      }
      try (ResultSet rows = statement.executeQuery()) {
        while (rows.next()) {
          texts.add(rows.getString(1));
        }
      }
      return texts;
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot read the sessions at the " + side.word(), e);
    }
  }

  private Connection open(Side side) throws SQLException {
    Connection connection =
        databases.open(move.on(side), Names.applicationName(move.migration(), "canary"), ANSWER);
    connection.setReadOnly(true);
    return connection;
  }
}
