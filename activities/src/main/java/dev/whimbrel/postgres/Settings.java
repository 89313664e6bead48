package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** {@code ALTER DATABASE … SET} and {@code ALTER ROLE … [IN DATABASE …] SET} of the source. */
final class Settings {
  private static final String SETTINGS =
      """
      SELECT s.setrole::regrole::text AS role, s.setrole = 0 AS every_role,
             s.setdatabase = 0 AS every_database,
             split_part(c, '=', 1) AS name, substr(c, strpos(c, '=') + 1) AS value
        FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) AS c
       WHERE (s.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
              OR s.setdatabase = 0)
         AND s.setrole::regrole::text !~ '^"?(whimbrel_|pg_)'
       ORDER BY 1, 3, 4
      """;

  /** What PostgreSQL writes down as a list of quoted names. */
  private static final Set<String> LISTS_OF_NAMES =
      Set.of(
          "search_path",
          "temp_tablespaces",
          "local_preload_libraries",
          "session_preload_libraries",
          "shared_preload_libraries",
          "unix_socket_directories");

  private Settings() {}

  static boolean isListOfNames(String setting) {
    return LISTS_OF_NAMES.contains(setting);
  }

  /** One setting; {@code whose} is what stands behind ALTER, for the target. */
  record Setting(String whose, String name, String value) {
    String label() {
      return "setting " + whose + " " + name + "=" + value;
    }
  }

  /**
   * Makes the target's settings those of the source. Settings of a role that hold in every database
   * are carried only for roles that this migration created.
   *
   * @return what the rights did not allow
   */
  static List<String> carry(Connection source, SchemaSession target, Databases databases, Move move)
      throws SQLException {
    Set<String> done = target.ledger().done();
    List<String> refused = new ArrayList<>();
    for (Setting setting : read(source, target.connection(), done)) {
      if (!done.contains(setting.label()) && !carry(setting, target, databases, move)) {
        refused.add("ALTER " + setting.whose() + " SET " + setting.name());
      }
    }
    return refused;
  }

  private static List<Setting> read(Connection source, Connection target, Set<String> done)
      throws SQLException {
    String database = "DATABASE " + Quoting.identifier(target.getCatalog());
    List<Setting> settings = new ArrayList<>();
    try (Statement statement = source.createStatement();
        ResultSet rows = statement.executeQuery(SETTINGS)) {
      while (rows.next()) {
        String role = rows.getString("role");
        boolean everyDatabase = rows.getBoolean("every_database");
        if (everyDatabase && !done.contains("role " + unquoted(role))) {
          continue;
        }
        String whose =
            rows.getBoolean("every_role")
                ? database
                : "ROLE " + role + (everyDatabase ? "" : " IN " + database);
        settings.add(new Setting(whose, rows.getString("name"), rows.getString("value")));
      }
    }
    return settings;
  }

  /** In a session of its own, which the setting may spoil. */
  private static boolean carry(
      Setting setting, SchemaSession target, Databases databases, Move move) throws SQLException {
    String name = Quoting.identifier(setting.name());
    try (Connection session =
            databases.open(
                move.target(),
                Names.applicationName(move.migration(), "settings"),
                Duration.ofSeconds(30));
        Statement statement = session.createStatement()) {
      String change = "ALTER " + setting.whose() + " SET " + name;
      if (isListOfNames(setting.name()) && !setting.value().matches("[a-z0-9_]+")) {
        // The catalog holds it as its elements, quoted; FROM CURRENT takes it over as it is.
        try (var set = session.prepareStatement("SELECT set_config(?, ?, false)")) {
          set.setString(1, setting.name());
          set.setString(2, setting.value());
          set.executeQuery().close();
        }
        statement.execute(change + " FROM CURRENT");
      } else {
        // As it was written: FROM CURRENT makes 1min of 60000, which nobody would find the same.
        statement.execute(change + " TO " + Quoting.literal(setting.value()));
      }
    } catch (SQLException e) {
      String state = e.getSQLState() == null ? "" : e.getSQLState();
      if (state.startsWith("08") || state.startsWith("57P")) {
        throw e;
      }
      return false;
    }
    target.ledger().record(List.of(setting.label()), "ALTER " + setting.whose() + " RESET " + name);
    target.connection().commit();
    return true;
  }

  private static String unquoted(String role) {
    return role.startsWith("\"")
        ? role.substring(1, role.length() - 1).replace("\"\"", "\"")
        : role;
  }
}
