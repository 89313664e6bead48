package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import java.sql.SQLException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Whether applications will be let in on the target. Passwords are not carried, so a role that
 * exists there without one turns every login away after the hand-over, when nothing else shows it.
 */
final class PasswordChecks {
  /** Only superusers, as a rule, may see which roles have a password. */
  private static final String READABLE = "has_table_privilege('pg_authid', 'SELECT')";

  private final Look look;
  private final Findings findings;

  PasswordChecks(Look look, Findings findings) {
    this.look = look;
    this.findings = findings;
  }

  void run() throws SQLException {
    List<Roles.Role> needed = Roles.needed(look.source());
    Set<String> missing = new HashSet<>();
    Roles.missing(needed, look.target()).forEach(role -> missing.add(role.plain()));
    List<Roles.Role> there =
        needed.stream().filter(r -> r.mayLogin() && !missing.contains(r.plain())).toList();
    if (there.isEmpty()) {
      return;
    }
    if (!look.holds(Side.TARGET, READABLE)) {
      findings.note(
          "role-password",
          String.join(", ", there.stream().map(Roles.Role::plain).toList()),
          "whether the target lets them in by their passwords cannot be seen with the rights of "
              + look.role(Side.TARGET)
              + ": try each login there before the switchover");
      return;
    }
    Set<String> needPassword =
        look.holds(Side.SOURCE, READABLE) ? withPassword(Side.SOURCE) : allOf(there);
    Set<String> havePassword = withPassword(Side.TARGET);
    for (Roles.Role role : there) {
      if (needPassword.contains(role.plain()) && !havePassword.contains(role.plain())) {
        findings.warning(
            "role-password",
            role.plain(),
            "has no password on the target: who logs in by password is turned away after the hand-over.",
            "ALTER ROLE "
                + role.name()
                + " PASSWORD '…'; -- on the target, the one it has on the source");
      }
    }
  }

  private Set<String> withPassword(Side side) throws SQLException {
    Set<String> names = new HashSet<>();
    look.rows(side, "SELECT rolname FROM pg_authid WHERE rolpassword IS NOT NULL")
        .forEach(row -> names.add(row.text(1)));
    return names;
  }

  private static Set<String> allOf(List<Roles.Role> roles) {
    Set<String> names = new HashSet<>();
    roles.forEach(role -> names.add(role.plain()));
    return names;
  }
}
