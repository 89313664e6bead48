package dev.whimbrel.checks;

import com.sun.net.httpserver.HttpExchange;
import dev.whimbrel.servers.PostgresServer;
import java.io.IOException;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** A small service: which database it uses, a log-in, and a page for who has logged in. */
final class ShopStack {
  /** A database is asked once: opening a connection takes longer than what is measured. */
  private static final Map<PostgresServer, String> IDENTIFIERS = new ConcurrentHashMap<>();

  private ShopStack() {}

  /**
   * Answers one request.
   *
   * @param database what this stack uses
   * @param distance how much longer everything takes
   * @param sessions those that this stack knows
   */
  static void serve(
      HttpExchange exchange, PostgresServer database, Duration distance, Set<String> sessions)
      throws IOException {
    BothSides.rest(distance);
    switch (exchange.getRequestURI().getPath()) {
      case "/database" ->
          BothSides.answer(exchange, 200, "{\"database\": \"" + identifier(database) + "\"}");
      case "/login" -> {
        String session = "s" + System.nanoTime();
        sessions.add(session);
        exchange.getResponseHeaders().add("Set-Cookie", "session=" + session + "; Path=/; Secure");
        exchange.getResponseHeaders().add("Set-Cookie", "theme=dark");
        BothSides.answer(exchange, 302, "");
      }
      default -> {
        String cookie = String.valueOf(exchange.getRequestHeaders().getFirst("Cookie"));
        boolean known =
            sessions.stream().anyMatch(each -> cookie.equals("session=" + each + "; theme=dark"));
        BothSides.answer(exchange, known ? 200 : 401, "");
      }
    }
  }

  static String identifier(PostgresServer server) throws IOException {
    String known = IDENTIFIERS.get(server);
    if (known != null) {
      return known;
    }
    try (Connection connection = server.connect("postgres");
        Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery("SELECT system_identifier::text FROM pg_control_system()")) {
      row.next();
      IDENTIFIERS.put(server, row.getString(1));
      return row.getString(1);
    } catch (SQLException e) {
      throw new IOException(e);
    }
  }
}
