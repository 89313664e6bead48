package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * The forward streams that are there under a migration's name: an earlier run of it may have had
 * another number of them than the runbook says now, and what is left of one keeps the source's log.
 */
final class ForwardStreams {
  private static final Duration CALL = Duration.ofSeconds(30);

  private ForwardStreams() {}

  /** Those that the target subscribes to. */
  static List<Names> onTarget(Connection target, String migration) throws SQLException {
    return named(
        target,
        migration,
        "SELECT subname FROM pg_subscription WHERE subname ~ %s AND subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1"
            .formatted(Quoting.literal(new Names(migration).forwardStreams())));
  }

  /** Drops those without asking the source. Again is harmless. */
  static void unsubscribe(Session target, String migration) throws SQLException {
    for (Names each : onTarget(target.connection(CALL), migration)) {
      WayBack.dropSubscription(target, each.forwardSubscription());
    }
  }

  /**
   * Those of which the source has a publication, a slot, or a role that may connect to this
   * database; and those that the runbook says. Roles are of the whole cluster, and others of the
   * same name may belong to another database of it.
   */
  static List<Names> onSource(Connection source, Move move) throws SQLException {
    Names names = new Names(move.migration());
    List<Names> found = new ArrayList<>(Names.streams(move));
    List<String> known = found.stream().map(Names::forwardPublication).toList();
    named(
            source,
            move.migration(),
            """
            SELECT pubname::text FROM pg_publication WHERE pubname ~ %1$s
            UNION SELECT slot_name::text FROM pg_replication_slots WHERE slot_name ~ %1$s AND database = current_database()
            UNION SELECT %2$s || coalesce(substring(r.rolname FROM '[$]forward(_[0-9]+)$'), '')
              FROM pg_roles r, pg_database d, aclexplode(d.datacl) a
             WHERE d.datname = current_database() AND a.grantee = r.oid AND a.privilege_type = 'CONNECT' AND r.rolname ~ %3$s
            ORDER BY 1"""
                .formatted(
                    Quoting.literal(names.forwardStreams()),
                    Quoting.literal(names.forwardPublication()),
                    Quoting.literal("^" + names.role() + "([$]forward_[0-9]+)?$")))
        .stream()
        .filter(each -> !known.contains(each.forwardPublication()))
        .forEach(found::add);
    return found;
  }

  private static List<Names> named(Connection database, String migration, String query)
      throws SQLException {
    return PublishedTables.names(database, query).stream()
        .map(found -> Names.ofForward(migration, found))
        .toList();
  }
}
