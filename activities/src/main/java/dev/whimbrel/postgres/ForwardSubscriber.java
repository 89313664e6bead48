package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.runbook.PeerSpec;
import dev.whimbrel.runbook.PostgresUrl;
import dev.whimbrel.secrets.Secrets;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Optional;

/** The target's part of the forward stream: the subscription. */
final class ForwardSubscriber {
  private final Connection target;
  private final Names names;

  /** Works through a connection in autocommit mode. */
  ForwardSubscriber(Connection target, Names names) {
    this.target = target;
    this.names = names;
  }

  boolean exists() throws SQLException {
    try (Statement statement = target.createStatement();
        ResultSet row = statement.executeQuery("SELECT " + own())) {
      return row.next() && row.getString(1) != null;
    }
  }

  /**
   * How a stream begins.
   *
   * @param withData whether PostgreSQL's own table synchronisation brings the rows
   * @param streaming whether large transactions are sent while they run
   */
  record Start(boolean withData, boolean streaming) {}

  /**
   * Subscribes, to a slot that is there already. Tries the migration's own role first, then the
   * role of the runbook's {@code peer}.
   *
   * @return the role under which the stream runs
   */
  String subscribe(PeerSpec peer, Optional<String> ownPassword, Start start, Secrets secrets)
      throws SQLException {
    PostgresUrl url = PostgresUrl.parse(peer.url());
    hush();
    if (ownPassword.isPresent()) {
      try {
        create(Conninfo.forStream(url, names.role(), ownPassword.get()), start);
        return names.role();
      } catch (SQLException e) {
        if (!cannotLogIn(e)) {
          throw failed(url, names.role(), e, secrets);
        }
      }
    }
    String password = peer.password() == null ? null : secrets.resolve(peer.password());
    try {
      create(Conninfo.forStream(url, url.user(), password), start);
      return url.user();
    } catch (SQLException e) {
      throw failed(url, url.user(), e, secrets);
    }
  }

  /** Lets the stream run, where an attempt before this one left it standing. */
  void enable() throws SQLException {
    execute("ALTER SUBSCRIPTION " + names.forwardSubscription() + " ENABLE");
  }

  /** Drops the subscription without asking the source, which may be away. */
  void drop() throws SQLException {
    if (!exists()) {
      return;
    }
    String subscription = names.forwardSubscription();
    try {
      execute("ALTER SUBSCRIPTION " + subscription + " DISABLE");
      execute("ALTER SUBSCRIPTION " + subscription + " SET (slot_name = NONE)");
      execute("DROP SUBSCRIPTION " + subscription);
    } catch (SQLException e) {
      if (!SqlFailures.is(e, SqlFailures.UNDEFINED_OBJECT)) {
        throw e;
      }
    }
  }

  /** Oids of all subscriptions of this server. */
  List<String> all() throws SQLException {
    return PublishedTables.names(target, "SELECT oid::text FROM pg_subscription");
  }

  /** The {@code system_identifier} of a database's cluster. */
  static String system(Connection connection) throws SQLException {
    return PublishedTables.names(
            connection, "SELECT system_identifier::text FROM pg_control_system()")
        .get(0);
  }

  private String own() {
    return "(SELECT oid FROM pg_subscription WHERE subname = "
        + Quoting.literal(names.forwardSubscription())
        + " AND subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()))";
  }

  private void create(String conninfo, Start start) throws SQLException {
    String name = names.forwardSubscription();
    execute(
        "CREATE SUBSCRIPTION "
            + name
            + " CONNECTION "
            + Quoting.literal(conninfo)
            + " PUBLICATION "
            + names.forwardPublication()
            + " WITH (create_slot = false, slot_name = "
            + Quoting.literal(name)
            + ", copy_data = "
            + start.withData()
            + (start.streaming() ? ", streaming = on" : "")
            + ")");
  }

  /** Keeps the connection string out of the target's log, as far as the rights allow. */
  private void hush() throws SQLException {
    for (String setting :
        List.of(
            "log_statement = none",
            "log_min_duration_statement = -1",
            "log_min_error_statement = panic")) {
      try {
        execute("SET " + setting);
      } catch (SQLException e) {
        if (!SqlFailures.is(e, SqlFailures.INSUFFICIENT_PRIVILEGE)) {
          throw e;
        }
      }
    }
  }

  private static boolean cannotLogIn(SQLException e) {
    String message = e.getMessage() == null ? "" : e.getMessage();
    return message.contains("could not connect to the publisher")
        && (message.contains("authentication failed")
            || message.contains("pg_hba.conf")
            || message.contains("does not exist")
            || message.contains("not permitted to log in")
            || message.contains("no password supplied"));
  }

  private RuntimeException failed(PostgresUrl url, String user, SQLException e, Secrets secrets) {
    String text =
        secrets.redact(e.getMessage() == null ? "" : e.getMessage()).replaceAll("\\s+", " ");
    String doing = "Cannot subscribe from the target to " + url.where() + " as " + user;
    if (SqlFailures.is(e, SqlFailures.INSUFFICIENT_PRIVILEGE)) {
      return Failures.needsHelp(
          doing + ": " + text,
          "CREATE SUBSCRIPTION needs a superuser before 16, and pg_create_subscription with CREATE"
              + " on the database from 16 on",
          "GRANT pg_create_subscription TO CURRENT_USER;");
    }
    if (cannotLogIn(e)) {
      return Failures.needsHelp(
          doing + ": " + text,
          "let the target's server log in: correct peer in the runbook, or add a line to the"
              + " source's pg_hba.conf and reload it",
          "host "
              + url.database()
              + " "
              + user
              + " <address of the target's server>/32 scram-sha-256");
    }
    if (text.contains("could not connect to the publisher")) {
      return Failures.transientFailure(
          doing
              + ": "
              + text
              + ". The target's server must reach the source: see peer in the runbook");
    }
    return SqlFailures.of(doing, new SQLException(text, e.getSQLState()));
  }

  private void execute(String sql) throws SQLException {
    try (Statement statement = target.createStatement()) {
      statement.execute(sql);
    }
  }
}
