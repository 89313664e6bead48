package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Rights on the database itself and its comment, which no dump of a schema holds. What the source's
 * database gives is granted on the target. Nothing is ever revoked there: what the source has taken
 * from PUBLIC or from its owner is said, with the statement that a person may run.
 */
final class DatabaseRights {
  static final String CONNECT = "CONNECT";

  /** What PUBLIC may do in every database until it is taken from it. */
  private static final List<String> OF_PUBLIC = List.of(CONNECT, "TEMPORARY");

  private static final List<String> OF_OWNERS = List.of(CONNECT, "CREATE", "TEMPORARY");

  /** What the ledger calls a right that was carried; its statement follows. */
  static final String LABEL = "right: ";

  /** As whom this session grants: as the owner where it may, or as whoever holds the right. */
  private static final String OURS =
      "CASE WHEN pg_has_role(d.datdba, 'USAGE') THEN a.grantor = d.datdba"
          + " ELSE pg_has_role(a.grantor, 'USAGE') END";

  private static final String RIGHTS =
      """
      SELECT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE %s END, coalesce(r.rolname, ''), a.privilege_type,
             bool_or(a.is_grantable), bool_or(a.grantee = d.datdba), bool_or(coalesce(r.rolsuper, false)),
             bool_or(%s)
        FROM pg_catalog.pg_database d
        CROSS JOIN LATERAL aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
        LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.grantee
       WHERE d.datname = current_database() AND (a.grantee = 0 OR r.rolname !~ '^whimbrel_')
       GROUP BY 1, 2, 3"""
          .formatted(Quoting.forAnyVersion("r.rolname"), OURS);

  private static final String OWNER =
      "SELECT CASE WHEN NOT r.rolsuper THEN r.rolname END FROM pg_catalog.pg_database d"
          + " JOIN pg_catalog.pg_roles r ON r.oid = d.datdba WHERE d.datname = current_database()";

  private static final String COMMENT =
      "SELECT shobj_description(oid, 'pg_database') FROM pg_catalog.pg_database"
          + " WHERE datname = current_database()";

  /** Who has a right, and from whom. */
  private static final String GRANTED =
      """
      SELECT a.grantee, a.grantor FROM pg_catalog.pg_database d
        CROSS JOIN LATERAL aclexplode(d.datacl) a LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.grantee
       WHERE d.datname = current_database() AND coalesce(r.rolname, '') = %s AND a.privilege_type = %s AND %s""";

  /**
   * Takes a right back from whatever the role is called by then, unless it has become the owner;
   * PostgreSQL only warns whoever may revoke nothing. What the owner has granted goes over to the
   * next one.
   */
  private static final String UNDO =
      """
      DECLARE
        who text := CASE WHEN %1$d = 0 THEN 'PUBLIC'
          ELSE (SELECT quote_ident(rolname) FROM pg_catalog.pg_roles WHERE oid = %1$d) END;
        base record;
      BEGIN
        SELECT quote_ident(datname) AS name, datacl AS acl, datdba AS owner INTO base
          FROM pg_catalog.pg_database WHERE datname = current_database();
        IF who IS NULL OR base.owner = %1$d THEN RETURN; END IF;
        EXECUTE 'REVOKE %2$s ON DATABASE ' || base.name || ' FROM ' || who;
        IF EXISTS (SELECT FROM pg_catalog.pg_database d CROSS JOIN LATERAL aclexplode(d.datacl) a
            WHERE d.datname = current_database() AND d.datacl = base.acl AND a.grantee = %1$d
              AND a.privilege_type = '%3$s' AND (a.is_grantable OR NOT %4$s)
              AND a.grantor IN (%5$s, d.datdba))
        THEN RAISE insufficient_privilege USING MESSAGE = 'nothing could be revoked'; END IF;
      END""";

  private DatabaseRights() {}

  /**
   * A right of somebody.
   *
   * @param grantee quoted where needed, or {@code PUBLIC}
   * @param role its name as the catalog has it, or an empty text for PUBLIC
   * @param privilege in PostgreSQL's word
   * @param grantable whether it may be passed on
   * @param owners whether it is the owner's of the database, who has it without a grant
   * @param superusers whether it is a superuser's, who needs none
   * @param ours whether it was granted by whoever this session grants as
   */
  record Right(
      String grantee,
      String role,
      String privilege,
      boolean grantable,
      boolean owners,
      boolean superusers,
      boolean ours) {
    static Right of(String grantee, String role, String privilege) {
      return new Right(grantee, role, privilege, false, false, false, false);
    }

    static Right ofPublic(String privilege) {
      return of("PUBLIC", "", privilege);
    }

    boolean isIn(List<Right> rights) {
      return rights.stream()
          .anyMatch(
              other ->
                  other.role.equals(role)
                      && other.privilege.equals(privilege)
                      && (other.grantable || !grantable));
    }
  }

  /**
   * A change of the target.
   *
   * @param sql what makes it
   * @param undo what takes it back, as a person runs it
   * @param held whether the right is there without the option to grant it
   * @param gives the right, or nothing for the comment
   */
  record Change(String sql, String undo, boolean held, List<Right> gives) {
    /** Whether it has come true: PostgreSQL only warns whoever may grant nothing. */
    private boolean isIn(List<Right> rights) {
      return gives.stream().allMatch(right -> right.isIn(rights));
    }
  }

  /**
   * What was carried, by this attempt or one before.
   *
   * @param changes how many changes were made
   * @param refused what the rights did not allow
   * @param notTaken what was taken away on the source and stays on the target, with whom the
   *     statement would turn away, in words
   */
  record Carried(int changes, List<String> refused, List<String> notTaken) {
    /** In words behind a semicolon, without what was refused; an empty text where it is nothing. */
    String words() {
      return (changes == 0
              ? ""
              : "; %d %s on the database carried"
                  .formatted(changes, changes == 1 ? "right" : "rights"))
          + (notTaken.isEmpty()
              ? ""
              : "; not taken away, as the source has it: " + String.join("; ", notTaken));
    }
  }

  /** The rights as they are, those of a new database where none was ever granted. */
  static List<Right> of(Connection database) throws SQLException {
    List<Right> rights = new ArrayList<>();
    try (Statement statement = database.createStatement();
        ResultSet rows = statement.executeQuery(RIGHTS)) {
      while (rows.next()) {
        rights.add(
            new Right(
                rows.getString(1),
                rows.getString(2),
                rows.getString(3),
                rows.getBoolean(4),
                rows.getBoolean(5),
                rows.getBoolean(6),
                rows.getBoolean(7)));
      }
    }
    rights.sort(Comparator.comparing(Right::grantee).thenComparing(Right::privilege));
    return rights;
  }

  /** What the source's database gives and the target's lacks; nothing where it is alike. */
  static List<Change> changes(Connection source, Connection target) throws SQLException {
    String on = on(target);
    List<Right> here =
        of(source).stream().filter(right -> !(right.owners() && right.superusers())).toList();
    List<Right> there = of(target);
    List<Change> changes = new ArrayList<>();
    for (Right right : here) {
      Right everybodys = Right.ofPublic(right.privilege());
      boolean usual =
          (right.role().isEmpty() && OF_PUBLIC.contains(right.privilege()))
              || (right.owners() && everybodys.isIn(here) && everybodys.isIn(there));
      if (!usual && !right.isIn(there)) {
        changes.add(grant(right, on, there));
      }
    }
    String comment = Answers.text(source, COMMENT);
    if (!comment.isEmpty() && Answers.text(target, COMMENT).isEmpty()) {
      String sql = "COMMENT" + on + " IS ";
      changes.add(new Change(sql + Quoting.literal(comment), sql + "NULL", false, List.of()));
    }
    return changes;
  }

  /** Statements that would take from the target what was taken on the source. */
  static List<String> notTaken(Connection source, Connection target) throws SQLException {
    String on = on(target);
    List<Right> here = of(source);
    List<Right> there = of(target);
    List<String> statements = new ArrayList<>();
    for (String privilege : OF_PUBLIC) {
      Right right = Right.ofPublic(privilege);
      if (!right.isIn(here) && right.isIn(there)) {
        statements.add("REVOKE " + privilege + on + " FROM PUBLIC");
      }
    }
    String owner = Answers.text(source, OWNER);
    for (String privilege : OF_OWNERS) {
      there.stream()
          .filter(right -> right.owners() && !right.superusers() && right.role().equals(owner))
          .filter(right -> right.privilege().equals(privilege))
          .filter(right -> !Right.of("", owner, privilege).isIn(here))
          .forEach(
              right -> statements.add("REVOKE " + privilege + on + " FROM " + right.grantee()));
    }
    return statements;
  }

  /** Makes the changes and records how they are taken back, in one transaction. */
  static Carried carry(Connection source, SchemaSession session) throws SQLException {
    Connection target = session.connection();
    for (Change change : changes(source, target)) {
      if (session.attempt(change.sql(), () -> change.isIn(of(target)))) {
        session
            .ledger()
            .record(List.of(LABEL + change.sql(), change.undo()), undoing(change, target));
      }
    }
    target.commit();
    long made =
        session.ledger().done().stream().filter(each -> each.startsWith(LABEL + "GRANT ")).count();
    List<String> refused = changes(source, target).stream().map(Change::sql).toList();
    List<String> notTaken = new ArrayList<>(notTaken(source, target));
    if (notTaken.stream().anyMatch(DatabaseRights::closes)) {
      String away = Admission.words(Admission.asItIs(target).turnedAwayWithoutPublic(target));
      notTaken.replaceAll(sql -> closes(sql) && !away.isEmpty() ? sql + " (" + away + ")" : sql);
    }
    target.commit();
    return new Carried((int) made, refused, notTaken);
  }

  /** Whether it takes from PUBLIC the right to connect. */
  static boolean closes(String sql) {
    return sql.startsWith("REVOKE CONNECT ") && sql.endsWith(" FROM PUBLIC");
  }

  private static String on(Connection target) throws SQLException {
    return " ON DATABASE " + Answers.text(target, "SELECT quote_ident(current_database())");
  }

  private static Change grant(Right right, String on, List<Right> there) {
    String what = right.privilege() + on;
    Right bare = Right.of(right.grantee(), right.role(), right.privilege());
    boolean held = bare.isIn(there.stream().filter(Right::ours).toList());
    return new Change(
        "GRANT "
            + what
            + " TO "
            + right.grantee()
            + (right.grantable() ? " WITH GRANT OPTION" : ""),
        "REVOKE " + (held ? "GRANT OPTION FOR " : "") + what + " FROM " + right.grantee(),
        held,
        List.of(right));
  }

  /** Whether it is still what was carried is for the server to say, when it is taken back. */
  private static String undoing(Change change, Connection target) throws SQLException {
    if (change.gives().isEmpty()) {
      return "DO "
          + Quoting.literal(
              "BEGIN IF (%s) = %s THEN %s; ELSE %s END IF; END"
                  .formatted(
                      COMMENT,
                      Quoting.literal(Answers.text(target, COMMENT)),
                      change.undo(),
                      SchemaRemoval.CHANGED));
    }
    Right right = change.gives().get(0);
    String granted =
        GRANTED.formatted(Quoting.literal(right.role()), Quoting.literal(right.privilege()), OURS);
    try (Statement statement = target.createStatement();
        ResultSet row = statement.executeQuery(granted)) {
      row.next();
      return "DO "
          + Quoting.literal(
              UNDO.formatted(
                  row.getLong(1),
                  (change.held() ? "GRANT OPTION FOR " : "") + right.privilege(),
                  right.privilege(),
                  change.held(),
                  Long.toString(row.getLong(2))));
    }
  }

  /** The statements one behind the other, as a person runs them. */
  static String script(List<Change> changes) {
    return changes.stream().map(change -> change.sql() + ";").collect(Collectors.joining(" "));
  }
}
