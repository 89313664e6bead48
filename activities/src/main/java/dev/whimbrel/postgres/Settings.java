package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * {@code ALTER DATABASE … SET} and {@code ALTER ROLE … [IN DATABASE …] SET} of the source. What
 * {@code ALTER ROLE ALL} set for its whole server becomes a setting of the target's database, where
 * the source's has none of that name: the target's server may serve others too.
 */
final class Settings {
  /** Whether a row {@code s}, with its element {@code c}, yields to one of the database's own. */
  static final String YIELDS =
      """
      s.setrole = 0 AND s.setdatabase = 0 AND EXISTS (
          SELECT FROM pg_db_role_setting o CROSS JOIN unnest(o.setconfig) AS own
           WHERE o.setrole = 0 AND lower(split_part(own, '=', 1)) = lower(split_part(c, '=', 1))
             AND o.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()))""";

  private static final String SETTINGS =
      """
      SELECT coalesce(r.rolname, '') AS role, s.setrole = 0 AS every_role,
             s.setdatabase = 0 AS every_database,
             split_part(c, '=', 1) AS name, substr(c, strpos(c, '=') + 1) AS value
        FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) AS c
        LEFT JOIN pg_roles r ON r.oid = s.setrole
       WHERE (s.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
              OR s.setdatabase = 0)
         AND coalesce(r.rolname, '') !~ '^(whimbrel_|pg_)'
         AND NOT (%s)
       ORDER BY 1, 3, 4
      """
          .formatted(YIELDS);

  /** What the ledger calls a setting that was carried; whose it is and its name follow. */
  static final String LABEL = "setting ";

  private static final String THERE =
      "SELECT s.setrole = 0, s.setdatabase = 0, coalesce(r.rolname, ''), split_part(c, '=', 1), substr(c, strpos(c, '=') + 1)"
          + " FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) AS c"
          + " LEFT JOIN pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole"
          + " WHERE d.datname = current_database() OR (s.setdatabase = 0 AND s.setrole <> 0)";

  private static final String GENERAL =
      """
      SELECT lower(split_part(c, '=', 1)) FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) AS c
       WHERE s.setrole = 0 AND s.setdatabase = 0 AND NOT (%s)"""
          .formatted(YIELDS);

  /** Takes it back where it is still what was carried. */
  private static final String UNDO =
      """
      BEGIN
        IF EXISTS (SELECT FROM pg_catalog.pg_db_role_setting s CROSS JOIN unnest(s.setconfig) AS c
            WHERE c = %1$s AND s.setrole = %2$s AND s.setdatabase = %3$s)
        THEN %4$s; ELSE %5$s END IF;
      END""";

  /**
   * What PostgreSQL writes down as a list of names, quoted one by one. Source: PostgreSQL, guc.h,
   * GUC_LIST_QUOTE.
   */
  private static final Set<String> LISTS_OF_NAMES =
      Set.of(
          "search_path",
          "temp_tablespaces",
          "local_preload_libraries",
          "session_preload_libraries",
          "shared_preload_libraries",
          "unix_socket_directories");

  /** Of a whole database: sessions that cannot write, or begin as somebody else, stop a move. */
  private static final Set<String> IN_THE_WAY =
      Set.of("default_transaction_read_only", "role", "session_authorization");

  /** An element of such a list: quoted, or as it stands. */
  private static final Pattern NAME = Pattern.compile("\"((?:[^\"]|\"\")*)\"|([^\",\\s][^,]*)");

  private Settings() {}

  static boolean isListOfNames(String setting) {
    return LISTS_OF_NAMES.contains(setting);
  }

  /** The parameter of a setting as the catalog writes it, {@code name=value}. */
  static String name(String setting) {
    return setting.replaceFirst("(?s)=.*", "").toLowerCase(Locale.ROOT);
  }

  /**
   * Whether a setting is left to people: a session ends at its beginning where its server lacks a
   * library; and one that cannot write, or begins as somebody else, stops a move.
   *
   * @param everyRole whether it holds for every role of a database
   */
  static boolean isLeft(String name, boolean everyRole) {
    return name.endsWith("_preload_libraries") || (everyRole && IN_THE_WAY.contains(name));
  }

  /** As a person makes it. The value of a parameter of the service's own may be a secret. */
  static String statement(String whose, String name, String value) {
    return "ALTER %s SET %s TO %s"
        .formatted(whose, name, name.contains(".") ? "<as on the source>" : sql(name, value));
  }

  /** A value of the catalog as a statement takes it. */
  static String sql(String name, String value) {
    if (!isListOfNames(name)) {
      return Quoting.literal(value);
    }
    String names =
        NAME.matcher(value)
            .results()
            .map(each -> Quoting.literal(element(each.group(1), each.group(2))))
            .collect(Collectors.joining(", "));
    return names.isEmpty() ? "''" : names;
  }

  private static String element(@Nullable String quoted, String plain) {
    return quoted == null ? plain.strip().toLowerCase(Locale.ROOT) : quoted.replace("\"\"", "\"");
  }

  /**
   * One setting.
   *
   * @param role whose it is, quoted; null for every role
   * @param database the target's database, quoted; null for every database
   * @param general whether it holds for every role of the source's whole server
   */
  record Setting(
      @Nullable String role,
      @Nullable String database,
      String name,
      String value,
      boolean general) {
    /** What stands behind ALTER. */
    private String whose() {
      String of = database == null ? "" : "DATABASE " + database;
      return role == null ? of : "ROLE " + role + (of.isEmpty() ? "" : " IN " + of);
    }

    private String of() {
      return LABEL + whose() + " " + name.toLowerCase(Locale.ROOT) + "=";
    }

    /** Whether it is carried by nobody but people. */
    private boolean isLeft() {
      return Settings.isLeft(name, role == null);
    }

    /** Whether the target's database has one of that name that no attempt has brought. */
    private boolean stays(Map<String, Setting> there, Set<String> done) {
      return general && there.containsKey(of()) && !came(done);
    }

    /** Whether an attempt has brought one of that name. */
    private boolean came(Set<String> done) {
      return done.stream().anyMatch(each -> each.regionMatches(true, 0, of(), 0, of().length()));
    }

    /** Whether the target's database has it already. */
    private boolean isAlike(Map<String, Setting> there) {
      Setting other = there.get(of());
      return other != null && other.value().equals(value);
    }

    /** As a person makes it. */
    private String statement() {
      return Settings.statement(whose(), name, value);
    }

    /**
     * What makes it, to the letter, inside a transaction.
     *
     * @param select the word for a value that nobody reads: {@code SELECT}, {@code PERFORM} in
     *     PL/pgSQL
     */
    private String script(String select) {
      String change = "ALTER " + whose() + " SET " + Quoting.identifier(name);
      if (!name.equals("search_path")) {
        // As it was written: FROM CURRENT makes 1min of 60000, which nobody would find the same.
        return change + " TO " + sql(name, value);
      }
      // The catalog holds it as its elements, quoted; FROM CURRENT takes it over as it is.
      return "%s pg_catalog.set_config(%s, %s, true); %s FROM CURRENT; SET LOCAL search_path = ''"
          .formatted(select, Quoting.literal(name), Quoting.literal(value), change);
    }

    /** Gives back what the target had by itself, or what an attempt before has brought. */
    private String undo(Map<String, Setting> there) {
      Setting before = there.get(of());
      return "DO "
          + Quoting.literal(
              UNDO.formatted(
                  Quoting.literal(name + "=" + value),
                  role == null ? "0" : Quoting.literal(role) + "::regrole",
                  database != null
                      ? "(SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())"
                      : "0",
                  before == null ? reset() : before.script("PERFORM"),
                  SchemaRemoval.CHANGED));
    }

    private String reset() {
      return "ALTER " + whose() + " RESET " + Quoting.identifier(name);
    }

    /** The undo as a person runs it. */
    private String plainUndo(Map<String, Setting> there) {
      Setting before = there.get(of());
      return before == null ? reset() : before.statement();
    }
  }

  /**
   * Makes the target's settings those of the source, each in one transaction with its record.
   * Settings of a role that hold in every database are carried only for roles that this migration
   * created.
   *
   * @return what the server did not allow
   */
  static List<String> carry(Connection source, SchemaSession target) throws SQLException {
    Map<String, Setting> there = there(target.connection());
    Set<String> done = target.ledger().done();
    List<String> refused = new ArrayList<>();
    for (Setting setting : read(source, target.connection(), Roles.madeBy(done))) {
      if (setting.isLeft() || setting.stays(there, done) || setting.isAlike(there)) {
        continue;
      }
      if (target.attempt(setting.script("SELECT"), () -> true, Settings::isRefused)) {
        target
            .ledger()
            .record(
                List.of(setting.of() + setting.value(), setting.plainUndo(there)),
                setting.undo(there));
      } else {
        refused.add("ALTER " + setting.whose() + " SET " + setting.name());
      }
      target.connection().commit();
    }
    return refused;
  }

  /** Whether it will not come to pass by itself: an unknown parameter, a value, a right. */
  static boolean isRefused(SQLException e) {
    String state = String.valueOf(e.getSQLState());
    return state.matches("(22|42|0A).*|55P02");
  }

  /**
   * What the target has otherwise and is not carried, as statements.
   *
   * @param withheld what may turn away whoever connects, or stop the move: left to people
   * @param staying what the target's database keeps, though the source's whole server has it
   *     otherwise
   */
  record Left(List<String> withheld, List<String> staying) {}

  /** What a carrying has left. */
  static Left left(Connection source, SchemaSession target) throws SQLException {
    Set<String> done = target.ledger().done();
    return left(source, target.connection(), done, Roles.madeBy(done));
  }

  /**
   * What a carrying will leave, or has left.
   *
   * @param done keys of the ledger
   * @param made tells of a role whether its settings for every database are carried
   */
  static Left left(Connection source, Connection target, Set<String> done, Predicate<String> made)
      throws SQLException {
    Map<String, Setting> there = there(target);
    List<String> withheld = new ArrayList<>();
    List<String> staying = new ArrayList<>();
    for (Setting each : read(source, target, made)) {
      if (!each.isAlike(there)) {
        if (each.isLeft()) {
          withheld.add(each.statement());
        } else if (each.stays(there, done)) {
          staying.add(each.statement());
        }
      }
    }
    return new Left(withheld, staying);
  }

  /**
   * Names of what holds for every role of a whole server, and not for this database in particular.
   */
  static List<String> general(Connection database) throws SQLException {
    return PublishedTables.names(database, GENERAL);
  }

  /** By what each is a setting of. */
  private static Map<String, Setting> there(Connection target) throws SQLException {
    Map<String, Setting> there = new HashMap<>();
    try (Statement statement = target.createStatement();
        ResultSet rows = statement.executeQuery(THERE)) {
      while (rows.next()) {
        Setting setting =
            new Setting(
                rows.getBoolean(1) ? null : Quoting.identifier(rows.getString(3)),
                rows.getBoolean(2) ? null : Quoting.identifier(target.getCatalog()),
                rows.getString(4),
                rows.getString(5),
                false);
        there.put(setting.of(), setting);
      }
    }
    return there;
  }

  private static List<Setting> read(Connection source, Connection target, Predicate<String> made)
      throws SQLException {
    List<Setting> settings = new ArrayList<>();
    try (Statement statement = source.createStatement();
        ResultSet rows = statement.executeQuery(SETTINGS)) {
      while (rows.next()) {
        String role = rows.getString("role");
        boolean everyRole = rows.getBoolean("every_role");
        boolean everyDatabase = rows.getBoolean("every_database");
        if (everyDatabase && !everyRole && !made.test(role)) {
          continue;
        }
        settings.add(
            new Setting(
                everyRole ? null : Quoting.identifier(role),
                everyDatabase && !everyRole ? null : Quoting.identifier(target.getCatalog()),
                rows.getString("name"),
                rows.getString("value"),
                everyRole && everyDatabase));
      }
    }
    return settings;
  }
}
