package dev.whimbrel.postgres;

import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.runbook.PostgresUrl;
import dev.whimbrel.secrets.Secrets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;

/** Opens connections to the databases of a runbook, with time-outs and keepalives on every one. */
final class Databases {
  /** Longer than a TCP handshake across an ocean with one lost packet, shorter than patience. */
  private static final Duration CONNECT = Duration.ofSeconds(5);

  private final Secrets secrets;

  Databases(Secrets secrets) {
    this.secrets = secrets;
  }

  /**
   * Opens a connection.
   *
   * @param spec which database
   * @param applicationName shown in {@code pg_stat_activity}: {@code whimbrel <migration> <step>}
   * @param socketTimeout how long one answer may take before the connection counts as lost; zero
   *     for no limit
   * @throws SQLException as the driver says; callers translate it with {@link SqlFailures}
   */
  Connection open(PostgresSpec spec, String applicationName, Duration socketTimeout)
      throws SQLException {
    return open(spec, applicationName, socketTimeout, Map.of());
  }

  /**
   * As {@link #open(PostgresSpec, String, Duration)}, with pgjdbc properties of the caller's own.
   */
  Connection open(
      PostgresSpec spec, String applicationName, Duration socketTimeout, Map<String, String> more)
      throws SQLException {
    PostgresUrl url = PostgresUrl.parse(spec.url());
    Properties properties = new Properties();
    properties.putAll(url.parameters());
    properties.setProperty("user", url.user());
    if (spec.password() != null) {
      properties.setProperty("password", secrets.resolve(spec.password()));
    }
    properties.setProperty("ApplicationName", applicationName);
    properties.setProperty("connectTimeout", Long.toString(CONNECT.toSeconds()));
    properties.setProperty("loginTimeout", Long.toString(CONNECT.toSeconds()));
    properties.setProperty("socketTimeout", Long.toString(socketTimeout.toSeconds()));
    properties.setProperty("tcpKeepAlive", "true");
    properties.setProperty("assumeMinServerVersion", "13");
    properties.putAll(more);
    String host = url.host().contains(":") ? "[" + url.host() + "]" : url.host();
    return DriverManager.getConnection(
        "jdbc:postgresql://" + host + ":" + url.port() + "/" + url.database(), properties);
  }
}
