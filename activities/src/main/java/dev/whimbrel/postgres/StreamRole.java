package dev.whimbrel.postgres;

import java.security.SecureRandom;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Base64;
import java.util.Optional;

/**
 * The role of the migration's own under which a stream runs, on the side that publishes, so that no
 * password of the runbook's enters the other server's catalog.
 */
final class StreamRole {
  private static final int PASSWORD_BYTES = 30;
  private static final String DEPENDENT_OBJECTS = "2BP01";

  private final Connection publisher;
  private final String role;

  /** Works through a connection in autocommit mode. */
  StreamRole(Connection publisher, String role) {
    this.publisher = publisher;
    this.role = role;
  }

  /**
   * Creates the role, or gives it a new password.
   *
   * @return its password; empty where the rights do not allow such a role, or before 14, where
   *     nothing short of grants on each table would let it read
   */
  Optional<String> ensure() throws SQLException {
    if (publisher.getMetaData().getDatabaseMajorVersion() < 14) {
      return Optional.empty();
    }
    String attributes = " LOGIN REPLICATION" + (hasRowSecurity() ? " BYPASSRLS" : "");
    try {
      execute((exists() ? "ALTER ROLE " : "CREATE ROLE ") + role + attributes);
      execute("GRANT pg_read_all_data TO " + role);
      execute(connect("GRANT", "TO"));
      String password = randomPassword();
      execute("ALTER ROLE " + role + " PASSWORD " + Quoting.literal(ScramVerifier.of(password)));
      return Optional.of(password);
    } catch (SQLException e) {
      if (!SqlFailures.is(e, SqlFailures.INSUFFICIENT_PRIVILEGE)) {
        throw e;
      }
      return Optional.empty();
    }
  }

  /** Drops the role, unless another stream still runs under it, or may in another database. */
  boolean drop() throws SQLException {
    if (!exists() || isInUse()) {
      return !exists();
    }
    execute(connect("REVOKE", "FROM"));
    try {
      execute("DROP ROLE IF EXISTS " + role);
      return true;
    } catch (SQLException e) {
      if (!SqlFailures.is(e, DEPENDENT_OBJECTS)) {
        throw e;
      }
      return false; // A stream of another database of this cluster has the same name.
    }
  }

  private String connect(String verb, String preposition) throws SQLException {
    return verb
        + " CONNECT ON DATABASE "
        + Quoting.identifier(publisher.getCatalog())
        + " "
        + preposition
        + " "
        + role;
  }

  private boolean exists() throws SQLException {
    return holds("SELECT FROM pg_roles WHERE rolname = " + Quoting.literal(role));
  }

  private boolean isInUse() throws SQLException {
    return holds(
        "SELECT FROM pg_stat_activity WHERE usename = " + Quoting.literal(role) + " LIMIT 1");
  }

  private boolean hasRowSecurity() throws SQLException {
    return holds("SELECT FROM pg_class WHERE relrowsecurity LIMIT 1");
  }

  private static String randomPassword() {
    byte[] bytes = new byte[PASSWORD_BYTES];
    new SecureRandom().nextBytes(bytes);
    return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
  }

  private boolean holds(String sql) throws SQLException {
    try (Statement statement = publisher.createStatement();
        ResultSet row = statement.executeQuery(sql)) {
      return row.next();
    }
  }

  private void execute(String sql) throws SQLException {
    try (Statement statement = publisher.createStatement()) {
      statement.execute(sql);
    }
  }
}
