package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.Side;
import dev.whimbrel.secrets.Secrets;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The end of a migration that went over: the streams go, the fence of the losing side stays. */
final class CleanUp {
  private static final Duration CALL = Duration.ofSeconds(30);
  private static final Duration LONG = Duration.ofMinutes(5);

  private final Databases databases;
  private final Secrets secrets;
  private final Move move;
  private final Names names;

  CleanUp(Databases databases, Secrets secrets, Move move) {
    this.databases = databases;
    this.secrets = secrets;
    this.move = move;
    this.names = new Names(move.migration());
  }

  /** Drops the reverse stream; alone on the target where the source is lost. */
  Outcome stopReverse(Pulse pulse) throws SQLException {
    try (Sessions sessions = Sessions.openBoth(databases, move, "stop-reverse", LONG)) {
      pulse.mustNotHaveFrozen();
      mustBeOver(sessions);
      new WayBack(secrets, move).remove(sessions);
      return new Outcome("the way back is closed: its stream was dropped");
    } catch (Sessions.Unreachable e) {
      return new LostSource(databases, secrets, move).stopReverse(e);
    }
  }

  /** Removes what is left; alone on the target where the source is lost. */
  Outcome cleanUp(Pulse pulse) throws SQLException {
    try (Sessions sessions = Sessions.openBoth(databases, move, "clean-up", LONG)) {
      if (Authority.read(sessions.on(Side.TARGET).connection()).isEmpty()) {
        return new Outcome("nothing of Whimbrel is left but the closed fence on the source");
      }
      pulse.mustNotHaveFrozen();
      mustBeOver(sessions);
      Session source = sessions.on(Side.SOURCE);
      Session target = sessions.on(Side.TARGET);
      new WayBack(secrets, move).remove(sessions);
      ForwardStreams.unsubscribe(target, move.migration());
      List<Names> streams = ForwardStreams.onSource(source.connection(CALL), move);
      for (Names each : streams) {
        WayBack.dropSlot(source, each.forwardSubscription());
      }
      new ForwardPublisher(source.connection(LONG), names).dropCopySlots();
      new ForwardPublisher(source.connection(LONG), names).dropMeetingSlots();
      for (Names each : streams) {
        source.run(
            "DROP PUBLICATION IF EXISTS " + Quoting.identifier(each.forwardPublication()), CALL);
        WayBack.dropRole(source, each.role());
      }
      WayBack.dropRole(source, Names.ofStage(move.migration()).role());
      Fence.close(source.connection(LONG));
      Closing.uninstall(source.connection(LONG));
      int roles = revokeConnect(source);
      SharedMarkers.drop(source.connection(CALL));
      source.run(
          "DROP TABLE IF EXISTS whimbrel.marker_reverse, whimbrel.marker_stage, whimbrel.prepared_table, whimbrel.prepared_column, whimbrel.prepared_label",
          CALL);
      String clones = new SuiteDatabases(databases, move).dropAllOrSay(target.connection(LONG));
      // The target's authority goes last: until then a second call finds its way.
      Fence.uninstall(target.connection(LONG));
      target.run("DROP SCHEMA IF EXISTS whimbrel CASCADE", CALL);
      return new Outcome(
          "the source stays closed: fence kept, CONNECT revoked from %d roles; nothing else is left%s"
              .formatted(roles, clones));
    } catch (Sessions.Unreachable e) {
      return new LostSource(databases, secrets, move).cleanUp(e);
    }
  }

  private void mustBeOver(Sessions sessions) throws SQLException {
    Truth truth = Settlement.closeReturned(sessions, sessions.truth());
    if (truth.side() != Side.TARGET || !truth.open()) {
      throw Failures.needsHelp(
          "Cannot end the way back: the %s is the truth (epoch %d)"
              .formatted(truth.side().word(), truth.decisive().epoch()),
          "hand over first",
          "whimbrel status " + move.migration());
    }
  }

  /**
   * From PUBLIC, from every role that may connect, and from every role whose grant reaches others;
   * not from the owner, ourselves and superusers, whom a REVOKE does not stop.
   */
  private static int revokeConnect(Session source) throws SQLException {
    String database =
        Objects.requireNonNull(source.value("SELECT format('%I', current_database())", CALL));
    // Ours first, or the next attempt could not connect.
    StringBuilder revoke =
        new StringBuilder("GRANT CONNECT ON DATABASE " + database + " TO current_user; ")
            .append("REVOKE CONNECT ON DATABASE " + database + " FROM PUBLIC");
    List<String> before = mayConnect(source);
    for (String role : before) {
      revoke.append(", ").append(role);
    }
    for (List<@Nullable String> group :
        source
            .rows(
                """
                SELECT DISTINCT format('%I', r.rolname) FROM pg_database d, aclexplode(d.datacl) a
                  JOIN pg_roles r ON r.oid = a.grantee
                 WHERE d.datname = current_database() AND a.privilege_type = 'CONNECT'
                   AND NOT r.rolcanlogin AND NOT r.rolsuper AND r.oid <> d.datdba""",
                CALL)
            .get(0)) {
      revoke.append(", ").append(group.get(0));
    }
    source.run(revoke.toString(), CALL);
    List<String> left = mayConnect(source);
    if (!left.isEmpty()) {
      throw Failures.needsHelp(
          "CONNECT on the source could not be revoked from " + String.join(", ", left),
          "revoke it as the database's owner or a superuser, then retry",
          "REVOKE CONNECT ON DATABASE " + database + " FROM " + String.join(", ", left) + ";");
    }
    return before.size();
  }

  private static List<String> mayConnect(Session source) throws SQLException {
    return source
        .rows(
            """
            SELECT format('%I', r.rolname) FROM pg_roles r, pg_database d
             WHERE d.datname = current_database() AND NOT r.rolsuper AND r.rolcanlogin
               AND r.rolname <> current_user AND r.oid <> d.datdba
               AND NOT pg_has_role(r.oid, d.datdba, 'USAGE')
               AND has_database_privilege(r.oid, d.oid, 'CONNECT')""",
            CALL)
        .get(0)
        .stream()
        .map(row -> Objects.requireNonNull(row.get(0)))
        .toList();
  }
}
