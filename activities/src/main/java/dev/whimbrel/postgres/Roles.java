package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;

/**
 * The roles that own something in the source database, are granted something there, or belong to
 * such a role. Those that the target lacks are created there with their attributes, but without
 * SUPERUSER and without a password: neither may be carried silently.
 */
final class Roles {
  /** Whether the session's role is a superuser. */
  static final String SUPERUSER = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user";

  /** What the ledger calls a role that was made; its name follows. */
  static final String LABEL = "role ";

  /** Roles of the database, down to the members of its groups, and up to the groups of both. */
  static final String NEEDED =
      """
      WITH RECURSIVE db AS (SELECT oid FROM pg_database WHERE datname = current_database()),
      base AS (
        SELECT refobjid AS oid FROM pg_shdepend, db
         WHERE refclassid = 'pg_authid'::regclass
           AND (dbid = db.oid
                OR dbid = 0 AND classid = 'pg_database'::regclass AND objid = db.oid)
        UNION SELECT setrole FROM pg_db_role_setting, db WHERE setdatabase = db.oid AND setrole <> 0
        UNION SELECT relowner FROM pg_class WHERE oid >= 16384
        UNION SELECT proowner FROM pg_proc WHERE oid >= 16384
        UNION SELECT nspowner FROM pg_namespace WHERE oid >= 16384),
      down AS (
        SELECT oid FROM base
        UNION SELECT m.member FROM pg_auth_members m JOIN down d ON d.oid = m.roleid
         WHERE d.oid >= 16384),
      up AS (
        SELECT oid FROM down
        UNION SELECT m.roleid FROM pg_auth_members m JOIN up u ON u.oid = m.member)
      """;

  private static final String ROLES =
      NEEDED
          + "SELECT "
          + Quoting.forAnyVersion("r.rolname")
          + ", format('%s %s %s %s CONNECTION LIMIT %s%s',"
          + " CASE WHEN rolcanlogin THEN 'LOGIN' ELSE 'NOLOGIN' END,"
          + " CASE WHEN rolinherit THEN 'INHERIT' ELSE 'NOINHERIT' END,"
          + " CASE WHEN rolcreatedb THEN 'CREATEDB' ELSE 'NOCREATEDB' END,"
          + " CASE WHEN rolcreaterole THEN 'CREATEROLE' ELSE 'NOCREATEROLE' END,"
          + " rolconnlimit, CASE WHEN rolvaliduntil IS NULL THEN ''"
          + " ELSE format(' VALID UNTIL %L', rolvaliduntil) END),"
          + " concat_ws(' ', CASE WHEN rolreplication THEN 'REPLICATION' END,"
          + " CASE WHEN rolbypassrls THEN 'BYPASSRLS' END), r.rolname"
          + " FROM up JOIN pg_roles r USING (oid)"
          + " WHERE r.rolname !~ '^(pg_|whimbrel_)' ORDER BY 1";

  private Roles() {}

  /**
   * A role of the source.
   *
   * @param name quoted where needed
   * @param attributes those that a role with CREATEROLE may give
   * @param privileged those that take more, or an empty text
   * @param plain its name as the catalog has it
   */
  record Role(String name, String attributes, String privileged, String plain) {
    /** Whether sessions may begin as this role. */
    boolean mayLogin() {
      return attributes.startsWith("LOGIN");
    }
  }

  /** Tells of a role whether it is one that the ledger knows as made. */
  static Predicate<String> madeBy(Set<String> done) {
    return role -> done.contains(LABEL + role);
  }

  /** Roles that the source database needs. */
  static List<Role> needed(Connection source) throws SQLException {
    List<Role> roles = new ArrayList<>();
    try (Statement statement = source.createStatement();
        ResultSet rows = statement.executeQuery(ROLES)) {
      while (rows.next()) {
        roles.add(
            new Role(rows.getString(1), rows.getString(2), rows.getString(3), rows.getString(4)));
      }
    }
    return roles;
  }

  /** Those of the roles that the server lacks. */
  static List<Role> missing(List<Role> needed, Connection target) throws SQLException {
    Set<String> there = new HashSet<>();
    try (Statement statement = target.createStatement();
        ResultSet rows = statement.executeQuery("SELECT rolname FROM pg_roles")) {
      while (rows.next()) {
        there.add(rows.getString(1));
      }
    }
    return needed.stream().filter(role -> !there.contains(role.plain())).toList();
  }

  /**
   * Creates what is missing on the target, and what the created roles belong to: also those that an
   * attempt before has created, and died.
   *
   * @return names of the created roles
   */
  static List<String> carry(Connection source, SchemaSession target) throws SQLException {
    List<Role> missing = missing(needed(source), target.connection());
    for (Role role : missing) {
      create(role, target);
    }
    Memberships.carry(source, target);
    return missing.stream().map(Role::plain).toList();
  }

  private static void create(Role role, SchemaSession target) throws SQLException {
    String create = "CREATE ROLE " + role.name() + " " + role.attributes();
    try {
      if (!target.attempt(create + " " + role.privileged(), () -> true)) {
        target.execute(create);
      }
      // From 16 on, whoever creates a role may administer it but not act as it.
      if (!isSuperuser(target.connection())) {
        target.attempt("GRANT " + role.name() + " TO CURRENT_USER", () -> true);
      }
      target.ledger().record(List.of(LABEL + role.plain()), "DROP ROLE IF EXISTS " + role.name());
      target.connection().commit();
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot create role " + role.name() + " on the target", e);
    }
  }

  private static boolean isSuperuser(Connection connection) throws SQLException {
    return Answers.holds(connection, SUPERUSER);
  }
}
