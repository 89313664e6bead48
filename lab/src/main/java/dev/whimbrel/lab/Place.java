package dev.whimbrel.lab;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.Properties;

/** Where a client finds the database at this moment. Asked again for every new connection. */
@FunctionalInterface
public interface Place {
  /** Seconds a client waits for an answer before it gives up; what it sent is then in doubt. */
  String PATIENCE = "20";

  Connection connect() throws SQLException;

  /** A fixed JDBC URL, as a role that is trusted. */
  static Place at(String jdbcUrl, String user) {
    return () -> {
      Properties properties = new Properties();
      properties.setProperty("user", user);
      properties.setProperty("connectTimeout", "5");
      properties.setProperty("socketTimeout", PATIENCE);
      properties.setProperty("tcpKeepAlive", "true");
      return DriverManager.getConnection(jdbcUrl, properties);
    };
  }
}
