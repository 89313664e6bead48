package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * The roles that own something in the source database, are granted something there, or belong to
 * such a role. Those that the target lacks are created there with their attributes, but without
 * SUPERUSER and without a password: neither may be carried silently.
 */
final class Roles {
  /** Whether the session's role is a superuser. */
  static final String SUPERUSER = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user";

  /** Roles of the database, down to the members of its groups, and up to the groups of both. */
  private static final String NEEDED =
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
          + "SELECT quote_ident(r.rolname), format('%s %s %s %s CONNECTION LIMIT %s%s',"
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

  private static final String MEMBERSHIPS =
      NEEDED
          + "SELECT quote_ident(g.rolname), quote_ident(m.rolname), a.admin_option"
          + " FROM pg_auth_members a JOIN up ON up.oid = a.member"
          + " JOIN pg_roles g ON g.oid = a.roleid JOIN pg_roles m ON m.oid = a.member"
          + " WHERE m.rolname !~ '^(pg_|whimbrel_)' ORDER BY 1, 2";

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
   * Creates what is missing on the target.
   *
   * @return names of the created roles
   */
  static List<String> carry(Connection source, SchemaSession target) throws SQLException {
    List<Role> missing = missing(needed(source), target.connection());
    for (Role role : missing) {
      create(role, target);
    }
    if (!missing.isEmpty()) {
      carryMemberships(source, target, missing.stream().map(Role::name).toList());
    }
    return missing.stream().map(Role::plain).toList();
  }

  private static void create(Role role, SchemaSession target) throws SQLException {
    String create = "CREATE ROLE " + role.name() + " " + role.attributes();
    try {
      if (!attempt(target, create + " " + role.privileged())) {
        target.execute(create);
      }
      // From 16 on, whoever creates a role may administer it but not act as it.
      if (!isSuperuser(target.connection())) {
        attempt(target, "GRANT " + role.name() + " TO CURRENT_USER");
      }
      target.ledger().record(List.of("role " + role.plain()), "DROP ROLE IF EXISTS " + role.name());
      target.connection().commit();
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot create role " + role.name() + " on the target", e);
    }
  }

  private static void carryMemberships(
      Connection source, SchemaSession target, List<String> created) throws SQLException {
    try (Statement statement = source.createStatement();
        ResultSet rows = statement.executeQuery(MEMBERSHIPS)) {
      while (rows.next()) {
        String group = rows.getString(1);
        String member = rows.getString(2);
        if (created.contains(group) || created.contains(member)) {
          String option = rows.getBoolean(3) ? " WITH ADMIN OPTION" : "";
          attempt(target, "GRANT " + group + " TO " + member + option);
          target.connection().commit();
        }
      }
    }
  }

  private static boolean isSuperuser(Connection connection) throws SQLException {
    return Answers.holds(connection, SUPERUSER);
  }

  /** Tries what the rights may not allow; the preflight has said so. */
  private static boolean attempt(SchemaSession target, String sql) throws SQLException {
    Savepoint before = target.connection().setSavepoint();
    try {
      target.execute(sql);
      return true;
    } catch (SQLException e) {
      if (target.connection().isClosed()) {
        throw e;
      }
      target.connection().rollback(before);
      return false;
    }
  }
}
