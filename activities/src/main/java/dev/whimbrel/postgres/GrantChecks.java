package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What becomes of rights and settings that no schema holds: on the database, of roles in other
 * roles, of roles in every database. What is not carried is said with the statements that do it.
 */
final class GrantChecks {
  /** A plan is read by people. */
  private static final int SHOWN = 20;

  private static final String OWNS =
      "rolsuper OR pg_has_role(d.datdba, 'USAGE') FROM pg_roles, pg_database d"
          + " WHERE rolname = current_user AND d.datname = current_database()";

  private static final String OF_ROLES =
      "SELECT r.rolname, split_part(c, '=', 1), substr(c, strpos(c, '=') + 1)"
          + " FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole, unnest(s.setconfig) AS c"
          + " WHERE s.setdatabase = 0 AND r.rolname <> current_user ORDER BY 1, 2";

  private static final String LIMIT =
      "SELECT datconnlimit FROM pg_database WHERE datname = current_database()";

  /** A superuser needs no right of the owner's. */
  private static final String OWNER =
      "SELECT r.rolname FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba"
          + " WHERE d.datname = current_database() AND NOT r.rolsuper AND r.rolname !~ '^whimbrel_'";

  /** Superusers need no right on the source, and may be none on the target. */
  private static final String LET_IN =
      "SELECT rolname, rolsuper FROM pg_roles WHERE rolcanlogin AND rolname !~ '^whimbrel_'"
          + " AND has_database_privilege(oid, current_database(), 'CONNECT') ORDER BY 1";

  private final Look look;
  private final Findings findings;

  GrantChecks(Look look, Findings findings) {
    this.look = look;
    this.findings = findings;
  }

  void run() throws SQLException {
    List<Roles.Role> needed = Roles.needed(look.source());
    Set<String> ofTheService = needed.stream().map(Roles.Role::plain).collect(Collectors.toSet());
    Set<String> there = new HashSet<>();
    look.rows(Side.TARGET, "SELECT rolname FROM pg_roles").forEach(row -> there.add(row.text(1)));
    Set<String> done = new Ledger(look.target(), look.move().migration()).seen();
    Predicate<String> made =
        Roles.madeBy(done).or(role -> !there.contains(role) && !role.startsWith("pg_"));
    List<DatabaseRights.Change> changes = DatabaseRights.changes(look.source(), look.target());
    List<Memberships.Lacking> lacking = Memberships.lacking(look.source(), look.target(), made);
    Admission admission =
        Admission.with(
            look.target(),
            changes,
            of(lacking, Memberships.Fate.CARRIED).map(Memberships.Lacking::membership).toList());
    rights(changes);
    notTaken(needed, there, admission);
    List<DatabaseRights.Right> onTarget = DatabaseRights.of(look.target());
    closed(ofTheService, there, admission, onTarget);
    temporary(onTarget);
    owner();
    memberships(lacking);
    List<String> more = settings(ofTheService, role -> there.contains(role) && !made.test(role));
    Settings.Left left =
        Settings.left(look.source(), look.target(), done, made.and(ofTheService::contains));
    staying(left.staying());
    leftToPeople(Stream.of(left.withheld(), more).flatMap(List::stream).toList());
    connectionLimit();
  }

  private void rights(List<DatabaseRights.Change> changes) throws SQLException {
    if (changes.isEmpty()) {
      return;
    }
    String script = DatabaseRights.script(changes);
    if (look.holds(Side.TARGET, OWNS)) {
      findings.note(
          "database-rights",
          "target",
          "its database gets the rights and the comment that the source's has: " + script);
    } else {
      findings.warning(
          "database-rights",
          "target",
          "%s may not give the database the rights and the comment that the source's has, since it is not the owner's role: they may stay behind."
              .formatted(look.role(Side.TARGET)),
          script + " -- on the target, when the roles are there");
    }
  }

  /** Nothing is revoked on the target: whom that would turn away, only people know. */
  private void notTaken(List<Roles.Role> needed, Set<String> there, Admission admission)
      throws SQLException {
    List<String> statements = DatabaseRights.notTaken(look.source(), look.target());
    if (statements.isEmpty()) {
      return;
    }
    String away = "";
    if (statements.stream().anyMatch(DatabaseRights::closes)) {
      List<String> roles = new ArrayList<>(admission.turnedAwayWithoutPublic(look.target()));
      needed.stream()
          .filter(role -> role.mayLogin() && !there.contains(role.plain()))
          .forEach(role -> roles.add(role.plain()));
      away = Admission.words(admission.turnedAway(roles));
    }
    findings.warning(
        "database-rights",
        "target",
        "its database keeps rights that the source's has taken away: nothing is revoked there."
            + (away.isEmpty() ? "" : " Without CONNECT of PUBLIC " + away + "."),
        script(statements)
            + " -- on the target, at the end: Whimbrel's own sessions connect by it too");
  }

  /** A target whose administrator has closed it is not opened to everybody. */
  private void closed(
      Set<String> ofTheService,
      Set<String> there,
      Admission admission,
      List<DatabaseRights.Right> onTarget)
      throws SQLException {
    if (DatabaseRights.Right.ofPublic(DatabaseRights.CONNECT).isIn(onTarget)) {
      return;
    }
    List<String> roles =
        look.rows(Side.SOURCE, LET_IN).stream()
            .filter(
                row ->
                    ofTheService.contains(row.text(1))
                        || (row.holds(2) && there.contains(row.text(1))))
            .map(row -> row.text(1))
            .toList();
    List<String> away = admission.turnedAway(roles);
    if (!away.isEmpty()) {
      findings.warning(
          "connect-right",
          "target",
          "lets nobody connect by PUBLIC, and stays so: %s, whom the source lets in, would be turned away."
              .formatted(Admission.shown(away)),
          "GRANT CONNECT ON DATABASE %s TO %s; -- on the target, when the roles are there"
              .formatted(
                  look.database(Side.TARGET),
                  away.stream().map(Quoting::identifier).collect(Collectors.joining(", "))));
    }
  }

  /** The same of temporary tables. */
  private void temporary(List<DatabaseRights.Right> onTarget) throws SQLException {
    DatabaseRights.Right temporary = DatabaseRights.Right.ofPublic("TEMPORARY");
    if (!temporary.isIn(onTarget) && temporary.isIn(DatabaseRights.of(look.source()))) {
      findings.warning(
          "temporary-right",
          "target",
          "lets nobody make temporary tables by PUBLIC, and stays so: the source lets every role.",
          "GRANT TEMPORARY ON DATABASE %s TO PUBLIC; -- on the target, or to the roles that need it"
              .formatted(look.database(Side.TARGET)));
    }
  }

  /** From 15 on the owner of a database may create in public, as a member of pg_database_owner. */
  private void owner() throws SQLException {
    String here = Answers.text(look.source(), OWNER);
    if (look.source().getMetaData().getDatabaseMajorVersion() >= 15
        && !here.isEmpty()
        && !here.equals(Answers.text(look.target(), OWNER))) {
      findings.warning(
          "database-owner",
          "target",
          "its database belongs to another role than the source's: what pg_database_owner may do, such as to create in schema public, %s may not do there."
              .formatted(Quoting.shown(here)),
          "ALTER DATABASE %s OWNER TO %s; -- on the target, when the move is over"
              .formatted(look.database(Side.TARGET), Quoting.identifier(here)));
    }
  }

  private void memberships(List<Memberships.Lacking> lacking) {
    membership(
        of(lacking, Memberships.Fate.OF_OTHERS),
        "has roles that belong to other roles on the source and not there; between roles that are there already nothing is changed.");
    membership(
        of(lacking, Memberships.Fate.POWER),
        "has, or gets, groups through which more is reached than the migration brings, and roles that belong to them on the source: they are not put into them where one of the two was there before.");
    membership(
        of(lacking, Memberships.Fate.WITHOUT_ADMIN),
        "has roles that may give a group to others on the source; they become members without ADMIN, since one of the two was there already.");
  }

  private void membership(Stream<Memberships.Lacking> lacking, String message) {
    List<String> grants = lacking.map(Memberships.Lacking::grant).toList();
    if (!grants.isEmpty()) {
      findings.warning("membership", "target", message, script(grants));
    }
  }

  private static Stream<Memberships.Lacking> of(
      List<Memberships.Lacking> lacking, Memberships.Fate fate) {
    return lacking.stream().filter(each -> each.fate() == fate);
  }

  /**
   * Of a role that the migration makes they are carried; another one's may be of other use.
   *
   * @return statements of what is left to people
   */
  private List<String> settings(Set<String> ofTheService, Predicate<String> before)
      throws SQLException {
    List<Look.Row> onTarget = look.rows(Side.TARGET, OF_ROLES);
    String own = Answers.text(look.target(), "SELECT current_user");
    List<String> lacking = new ArrayList<>();
    List<String> left = new ArrayList<>();
    for (Look.Row row : look.rows(Side.SOURCE, OF_ROLES)) {
      String role = row.text(1);
      if (ofTheService.contains(role)
          && before.test(role)
          && !role.equals(own)
          && !onTarget.contains(row)) {
        (Settings.isLeft(row.text(2), false) ? left : lacking)
            .add(Settings.statement("ROLE " + Quoting.identifier(role), row.text(2), row.text(3)));
      }
    }
    if (!lacking.isEmpty()) {
      findings.warning(
          "role-setting",
          "target",
          "has roles of the service whose settings for every database of the source are not theirs there; roles that are there already keep what they have.",
          script(lacking));
    }
    return left;
  }

  private void staying(List<String> staying) {
    if (!staying.isEmpty()) {
      findings.warning(
          "role-setting",
          "target",
          "its database has settings of its own that the source's server has otherwise for every role; the database's stay.",
          script(staying));
    }
  }

  private void leftToPeople(List<String> withheld) {
    if (!withheld.isEmpty()) {
      findings.warning(
          "setting",
          "target",
          "gets no setting that loads libraries into sessions, or lets no session of its database write or begin as itself, as the source has it: where it lacks a library nobody could connect any more, and the move itself could not go on.",
          script(withheld)
              + " -- on the target, when the libraries are there and the move is over");
    }
  }

  private void connectionLimit() throws SQLException {
    long here = look.number(Side.SOURCE, LIMIT);
    if (here >= 0 && here != look.number(Side.TARGET, LIMIT)) {
      findings.advice(
          "connection-limit",
          "target",
          "the source's database takes %d sessions at most: that limit is not carried, since Whimbrel's own would count"
              .formatted(here),
          "ALTER DATABASE %s CONNECTION LIMIT %d; -- on the target, at the end"
              .formatted(look.database(Side.TARGET), here));
    }
  }

  private static String script(List<String> statements) {
    return statements.stream().limit(SHOWN).map(each -> each + ";").collect(Collectors.joining(" "))
        + (statements.size() > SHOWN
            ? " -- and %d more of this kind".formatted(statements.size() - SHOWN)
            : "");
  }
}
