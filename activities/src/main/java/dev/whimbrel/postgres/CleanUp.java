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

  /** Drops the reverse stream. */
  Outcome stopReverse(Pulse pulse) throws SQLException {
    try (Sessions sessions = Sessions.openBoth(databases, move, "stop-reverse", LONG)) {
      pulse.mustNotHaveFrozen();
      mustBeOver(sessions);
      new WayBack(secrets, move).remove(sessions);
      return new Outcome("the way back is closed: its stream was dropped");
    }
  }

  /** Removes what is left. */
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
      WayBack.dropSubscription(target, names.forwardSubscription());
      WayBack.dropSlot(source, names.forwardSubscription());
      source.run(
          "DROP PUBLICATION IF EXISTS " + Quoting.identifier(names.forwardPublication()), CALL);
      WayBack.dropRole(source, names.role());
      Fence.close(source.connection(LONG));
      int roles = revokeConnect(source);
      source.run("DROP TABLE IF EXISTS whimbrel.marker_forward, whimbrel.marker_reverse", CALL);
      // The target's authority goes last: until then a second call finds its way.
      Fence.uninstall(target.connection(LONG));
      target.run("DROP SCHEMA IF EXISTS whimbrel CASCADE", CALL);
      return new Outcome(
          "the source stays closed: fence kept, CONNECT revoked from %d roles; nothing else is left"
              .formatted(roles));
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

  /** From PUBLIC and every role that may connect and is not the owner, ours or a superuser. */
  private static int revokeConnect(Session source) throws SQLException {
    List<List<@Nullable String>> roles =
        source
            .rows(
                """
                SELECT format('%I', r.rolname) FROM pg_roles r, pg_database d
                 WHERE d.datname = current_database() AND NOT r.rolsuper AND r.rolcanlogin
                   AND r.rolname <> current_user AND r.oid <> d.datdba
                   AND has_database_privilege(r.oid, d.oid, 'CONNECT')""",
                CALL)
            .get(0);
    String database =
        Objects.requireNonNull(source.value("SELECT format('%I', current_database())", CALL));
    StringBuilder revoke =
        new StringBuilder("REVOKE CONNECT ON DATABASE " + database + " FROM PUBLIC");
    for (List<@Nullable String> role : roles) {
      revoke.append(", ").append(role.get(0));
    }
    // Ours first, or the next attempt could not connect.
    source.run("GRANT CONNECT ON DATABASE " + database + " TO current_user; " + revoke, CALL);
    return roles.size();
  }
}
