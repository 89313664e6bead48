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
 * Which roles belong to which, as the source has it. Between roles that this migration makes on the
 * target all are made. Where one of the two was there before, none is made that reaches beyond what
 * the migration brings; between two such roles nothing is changed.
 */
final class Memberships {
  /** From there on a membership says by itself whether it is inherited, and may be acted as. */
  private static final int HAS_OPTIONS = 16;

  /** Columns that not every version has are read from the row as a document. */
  private static final String COLUMNS =
      "SELECT "
          + Quoting.forAnyVersion("g.rolname")
          + ", "
          + Quoting.forAnyVersion("m.rolname")
          + ", g.rolname, m.rolname,"
          + " bool_or(a.admin_option),"
          + " coalesce(bool_or((to_jsonb(a) ->> 'inherit_option')::boolean), m.rolinherit),"
          + " coalesce(bool_or((to_jsonb(a) ->> 'set_option')::boolean), true),"
          + " bool_and(a.grantor = 10)"
          + " FROM pg_auth_members a JOIN pg_roles g ON g.oid = a.roleid"
          + " JOIN pg_roles m ON m.oid = a.member";

  /** What the ledger calls a membership that was carried; its statement follows. */
  static final String LABEL = "membership: ";

  private static final String GROUPED =
      " GROUP BY g.rolname, m.rolname, m.rolinherit ORDER BY 1, 2";

  private static final String NEEDED =
      Roles.NEEDED
          + COLUMNS
          + " JOIN up ON up.oid = a.member WHERE m.rolname !~ '^(pg_|whimbrel_)'"
          + " AND g.rolname !~ '^whimbrel_'"
          + GROUPED;

  private static final String ALL = COLUMNS + GROUPED;

  /** CREATEDB is none of them: it reaches nothing that is another one's. */
  private static final String ATTRIBUTES = "rolcreaterole OR rolreplication OR rolbypassrls";

  /** Whoever belongs to one of these may act on the whole server and its databases, or beyond. */
  private static final String POWERFUL =
      "WITH RECURSIVE power AS (SELECT oid FROM pg_catalog.pg_roles WHERE rolsuper OR "
          + ATTRIBUTES
          + " OR rolname IN ('pg_execute_server_program', 'pg_read_server_files',"
          + " 'pg_write_server_files', 'pg_read_all_data', 'pg_write_all_data', 'rds_superuser',"
          + " 'rds_replication', 'cloudsqlsuperuser', 'azure_pg_admin')"
          + " UNION SELECT m.member FROM pg_catalog.pg_auth_members m JOIN power p ON p.oid = m.roleid)"
          + " SELECT rolname FROM pg_catalog.pg_roles JOIN power USING (oid)";

  /** A superuser is made without that; somebody may give it back to him. */
  private static final String POWERFUL_ON_SOURCE =
      "SELECT rolname FROM pg_catalog.pg_roles WHERE rolsuper OR " + ATTRIBUTES;

  private Memberships() {}

  /**
   * A role that belongs to another; names are quoted where needed, and as the catalog has them.
   *
   * @param servers whether it was granted by the server itself, as from 16 on to whoever makes a
   *     role
   */
  record Membership(
      String group,
      String member,
      String plainGroup,
      String plainMember,
      boolean admin,
      boolean inherited,
      boolean actedAs,
      boolean servers) {
    /** What makes it on a server of this version; of one that is there it takes nothing away. */
    String grant(int major, boolean there) {
      String sql = "GRANT " + group + " TO " + member;
      if (major < HAS_OPTIONS) {
        return sql + (admin ? " WITH ADMIN OPTION" : "");
      }
      if (!there) {
        return "%s WITH ADMIN %s, INHERIT %s, SET %s".formatted(sql, admin, inherited, actedAs);
      }
      List<String> options = new ArrayList<>();
      if (admin) {
        options.add("ADMIN true");
      }
      if (inherited) {
        options.add("INHERIT true");
      }
      if (actedAs) {
        options.add("SET true");
      }
      return sql + " WITH " + String.join(", ", options);
    }

    private Membership withoutAdmin() {
      return new Membership(
          group, member, plainGroup, plainMember, false, inherited, actedAs, false);
    }

    private Membership asNothing() {
      return new Membership(group, member, plainGroup, plainMember, false, false, false, false);
    }

    /** What a server of this version knows of it. */
    private Membership on(int major) {
      return major >= HAS_OPTIONS
          ? this
          : new Membership(group, member, plainGroup, plainMember, admin, false, false, servers);
    }

    /** Whether its member only administers a role that it has made, as from 16 on. */
    private boolean isOfItsMaker() {
      return servers && admin && !inherited && !actedAs;
    }

    private boolean isIn(List<Membership> others) {
      return others.stream()
          .anyMatch(
              other ->
                  other.plainGroup.equals(plainGroup)
                      && other.plainMember.equals(plainMember)
                      && (other.admin || !admin)
                      && (other.inherited || !inherited)
                      && (other.actedAs || !actedAs));
    }
  }

  /** Those of the roles that the source database needs. */
  static List<Membership> needed(Connection source) throws SQLException {
    return read(source, NEEDED);
  }

  /** All of a server. */
  static List<Membership> all(Connection database) throws SQLException {
    return read(database, ALL);
  }

  /** What becomes of a membership that the target lacks, or has with less. */
  enum Fate {
    /** It is made. */
    CARRIED,
    /** Both roles were there before. */
    OF_OTHERS,
    /** One of the two was there before, and it would reach beyond what the migration brings. */
    POWER,
    /** It is made without ADMIN: one of the two was there before. */
    WITHOUT_ADMIN
  }

  /**
   * One that the target lacks.
   *
   * @param held whether it has it with less
   * @param grant the statement that makes it
   */
  record Lacking(Membership membership, Fate fate, boolean held, String grant) {}

  /**
   * Those that the target lacks, or has with less. Whimbrel's own role belongs to whatever it needs
   * there, and is left alone.
   *
   * @param made tells of a role whether this migration makes it on the target, or has made it
   */
  static List<Lacking> lacking(Connection source, Connection target, Predicate<String> made)
      throws SQLException {
    List<Membership> there = all(target);
    Set<String> powerful = new HashSet<>(PublishedTables.names(target, POWERFUL));
    Set<String> reaching = reaching(source, made);
    String own = Answers.text(target, "SELECT current_user");
    int major = target.getMetaData().getDatabaseMajorVersion();
    List<Lacking> lacking = new ArrayList<>();
    for (Membership each : needed(source)) {
      if (each.plainMember().equals(own)
          || each.on(major).isIn(there)
          || (each.isOfItsMaker() && !made.test(each.plainMember()))) {
        continue;
      }
      boolean held = each.asNothing().isIn(there);
      Fate fate = fate(each, made, powerful, reaching);
      if (fate == Fate.WITHOUT_ADMIN) {
        Membership less = each.withoutAdmin();
        if (!less.on(major).isIn(there)) {
          lacking.add(new Lacking(less, Fate.CARRIED, held, less.grant(major, held)));
        }
        held = true;
      }
      lacking.add(new Lacking(each, fate, held, each.grant(major, held)));
    }
    return lacking;
  }

  /**
   * What becomes of one.
   *
   * @param powerful roles of the target that may act on its server
   * @param reaching roles that are made, and reach beyond what the migration brings
   */
  private static Fate fate(
      Membership each, Predicate<String> made, Set<String> powerful, Set<String> reaching) {
    boolean groupIsMade = made.test(each.plainGroup());
    boolean memberIsMade = made.test(each.plainMember());
    if (!groupIsMade && !memberIsMade) {
      return Fate.OF_OTHERS;
    }
    boolean bothAreMade = groupIsMade && memberIsMade;
    if (reaching.contains(each.plainGroup())) {
      return bothAreMade ? Fate.CARRIED : Fate.POWER;
    }
    if (powerful.contains(each.plainGroup())) {
      return Fate.POWER;
    }
    return each.admin() && !bothAreMade ? Fate.WITHOUT_ADMIN : Fate.CARRIED;
  }

  /**
   * Roles that the migration makes, and through which a member gets more than the migration brings:
   * by what they are on the source, or by a group of the target's own.
   */
  private static Set<String> reaching(Connection source, Predicate<String> made)
      throws SQLException {
    Set<String> reaching = new HashSet<>(PublishedTables.names(source, POWERFUL_ON_SOURCE));
    reaching.removeIf(made.negate());
    List<Membership> onSource =
        all(source).stream().filter(each -> made.test(each.plainMember())).toList();
    boolean grows = true;
    while (grows) {
      grows = false;
      for (Membership each : onSource) {
        boolean reaches = !made.test(each.plainGroup()) || reaching.contains(each.plainGroup());
        grows |= reaches && reaching.add(each.plainMember());
      }
    }
    return reaching;
  }

  /** Makes those of the roles that this migration has made. Again is harmless. */
  static void carry(Connection source, SchemaSession target) throws SQLException {
    for (Lacking each : lacking(source, target)) {
      if (each.fate() != Fate.CARRIED) {
        continue;
      }
      boolean made = target.attempt(each.grant(), () -> true);
      if (made && !each.held()) {
        String revoke =
            "REVOKE %s FROM %s".formatted(each.membership().group(), each.membership().member());
        target.ledger().record(List.of(LABEL + each.grant()), revoke);
      }
      target.connection().commit();
    }
  }

  /**
   * What {@link #carry} has left, as statements.
   *
   * @param refused what the rights did not allow
   * @param withheld what is left to people, since it gives power over the target's server or its
   *     roles
   */
  record Left(List<String> refused, List<String> withheld) {
    private static Left of(List<Lacking> lacking) {
      return new Left(
          grants(lacking, Set.of(Fate.CARRIED)),
          grants(lacking, Set.of(Fate.POWER, Fate.WITHOUT_ADMIN)));
    }

    private static List<String> grants(List<Lacking> lacking, Set<Fate> fates) {
      return lacking.stream()
          .filter(each -> fates.contains(each.fate()))
          .map(Lacking::grant)
          .toList();
    }
  }

  /** What a carrying has left. */
  static Left left(Connection source, SchemaSession target) throws SQLException {
    return Left.of(lacking(source, target));
  }

  private static List<Lacking> lacking(Connection source, SchemaSession target)
      throws SQLException {
    return lacking(source, target.connection(), Roles.madeBy(target.ledger().done()));
  }

  private static List<Membership> read(Connection database, String sql) throws SQLException {
    List<Membership> memberships = new ArrayList<>();
    try (Statement statement = database.createStatement();
        ResultSet rows = statement.executeQuery(sql)) {
      while (rows.next()) {
        memberships.add(
            new Membership(
                rows.getString(1),
                rows.getString(2),
                rows.getString(3),
                rows.getString(4),
                rows.getBoolean(5),
                rows.getBoolean(6),
                rows.getBoolean(7),
                rows.getBoolean(8)));
      }
    }
    return memberships;
  }
}
