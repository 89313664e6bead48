package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Whom the target's database lets in without PUBLIC: by a right of his own or of a group. */
final class Admission {
  /** A plan is read by people. */
  private static final int SHOWN = 20;

  private static final String LOGINS =
      "SELECT rolname FROM pg_catalog.pg_roles WHERE rolcanlogin AND rolname !~ '^whimbrel_'"
          + " AND has_database_privilege(oid, current_database(), 'CONNECT') ORDER BY 1";

  private final Set<String> superusers;
  private final Set<String> holders = new HashSet<>();
  private final Map<String, Set<String>> groups = new HashMap<>();

  private Admission(Connection target) throws SQLException {
    this.superusers =
        new HashSet<>(
            PublishedTables.names(
                target, "SELECT rolname FROM pg_catalog.pg_roles WHERE rolsuper"));
    DatabaseRights.of(target).forEach(this::hold);
    Memberships.all(target).forEach(this::join);
  }

  /** By what the target has now. */
  static Admission asItIs(Connection target) throws SQLException {
    return new Admission(target);
  }

  /** By that, and what will be carried. */
  static Admission with(
      Connection target,
      List<DatabaseRights.Change> changes,
      List<Memberships.Membership> memberships)
      throws SQLException {
    Admission admission = new Admission(target);
    changes.forEach(change -> change.gives().forEach(admission::hold));
    memberships.forEach(admission::join);
    return admission;
  }

  private void hold(DatabaseRights.Right right) {
    if (right.privilege().equals(DatabaseRights.CONNECT) && !right.role().isEmpty()) {
      holders.add(right.role());
    }
  }

  private void join(Memberships.Membership membership) {
    if (membership.inherited()) {
      groups
          .computeIfAbsent(membership.plainMember(), member -> new HashSet<>())
          .add(membership.plainGroup());
    }
  }

  boolean lets(String role) {
    if (superusers.contains(role)) {
      return true;
    }
    Set<String> seen = new HashSet<>(Set.of(role));
    Deque<String> next = new ArrayDeque<>(seen);
    while (!next.isEmpty()) {
      String each = next.remove();
      if (holders.contains(each)) {
        return true;
      }
      for (String group : groups.getOrDefault(each, Set.of())) {
        if (seen.add(group)) {
          next.add(group);
        }
      }
    }
    return false;
  }

  /** Roles of the target that come in by PUBLIC's right alone. */
  List<String> turnedAwayWithoutPublic(Connection target) throws SQLException {
    return turnedAway(PublishedTables.names(target, LOGINS));
  }

  /** Those of the roles that are not let in. */
  List<String> turnedAway(List<String> roles) {
    return roles.stream().distinct().filter(role -> !lets(role)).sorted().toList();
  }

  /** What the statement would do to them, or an empty text. */
  static String words(List<String> turnedAway) {
    return turnedAway.isEmpty() ? "" : "it would turn away " + shown(turnedAway);
  }

  static String shown(List<String> roles) {
    List<String> names = new ArrayList<>(roles.stream().limit(SHOWN).map(Quoting::shown).toList());
    if (roles.size() > SHOWN) {
      names.add("and %d more".formatted(roles.size() - SHOWN));
    }
    return String.join(", ", names);
  }
}
