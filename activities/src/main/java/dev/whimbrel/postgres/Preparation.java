package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.Readiness;
import dev.whimbrel.activity.Side;
import dev.whimbrel.secrets.Secrets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Puts everything in place before the switchover, and takes it away again. */
final class Preparation {
  private static final Duration CALL = Duration.ofSeconds(10);
  private static final Duration LONG = Duration.ofMinutes(5);

  /** Locking, closing and committing, as measured on two small servers with 3,000 tables. */
  private static final int LOCAL_MILLIS = 40;

  /** Sequential round trips of a switchover without poolers. */
  private static final int TRIPS = 8;

  private final Databases databases;
  private final Secrets secrets;
  private final Move move;

  Preparation(Databases databases, Secrets secrets, Move move) {
    this.databases = databases;
    this.secrets = secrets;
    this.move = move;
  }

  Readiness prepare(Pulse pulse) throws SQLException {
    try (Sessions sessions = Sessions.openBoth(databases, move, "prepare-switchover", LONG)) {
      pulse.mustNotHaveFrozen();
      Truth truth = Settlement.closeReturned(sessions, sessions.truth());
      if (truth.side() == Side.TARGET || !truth.open()) {
        boolean back = truth.on(Side.TARGET).canGoBack();
        return new Readiness(
            back, 0, List.of(), truth.decisive().epoch(), "the target is the truth already", 0);
      }
      for (Side side : Side.values()) {
        Authority.mustNotBeWithdrawn(sessions.on(side).connection(CALL), truth.on(side));
      }
      boolean early = comesBeforeTheCopy(sessions);
      List<Finding> findings = new ArrayList<>();
      for (Side side : Side.values()) {
        Markers.create(sessions.on(side).connection(CALL), side, move);
        if (early && side == Side.TARGET) {
          // What will copy is an ordinary session, which the fence of an earlier copy refuses.
          Fence.uninstall(sessions.on(side).connection(LONG));
          continue;
        }
        Fence.install(sessions.on(side).connection(LONG));
        if (!DdlFence.guards(sessions.on(side).connection(CALL))) {
          findings.add(DdlFence.unguarded(sessions.on(side).connection(CALL), side));
        }
      }
      if (!early) {
        Fence.close(sessions.on(Side.TARGET).connection(LONG));
      }
      findings.addAll(open(sessions));
      EarlyLargeObjects.prepare(sessions, move.migration(), pulse).ifPresent(findings::add);
      long objects = EarlyLargeObjects.millis(sessions, move.migration(), pulse);
      for (Side side : Side.values()) {
        findings.addAll(Blockers.on(sessions.on(side), side, Duration.ofSeconds(5)));
        findings.addAll(sequences(sessions.on(side), side, move));
      }
      Optional<Finding> noWayBack = new WayBack(secrets, move).prove(sessions);
      noWayBack.ifPresent(findings::add);
      if (early) {
        // Its slot would keep all that is copied; behind the copy it is made anew.
        new WayBack(secrets, move).remove(sessions);
      }
      Severed.refuse(move, sessions.on(Side.SOURCE).connection(CALL));
      for (Side side : Side.values()) {
        Connection catalog = sessions.on(side).connection(CALL);
        Authority.prepared(
            catalog,
            Settled.ask(side, move, catalog, moving -> Fence.fingerprint(catalog, moving)),
            noWayBack.isEmpty());
        if (early) {
          continue;
        }
        // After the figure: what is changed in between differs from it, and not from what is kept.
        String back = new Names(move.migration()).reversePublication();
        Settled.ask(
            side,
            move,
            catalog,
            moving -> {
              Structure.keep(catalog, back, moving);
              return true;
            });
      }
      long pause = LOCAL_MILLIS + TRIPS * roundTripMillis(sessions) + objects;
      return new Readiness(
          noWayBack.isEmpty(),
          pause,
          List.copyOf(findings),
          truth.decisive().epoch(),
          noWayBack.isEmpty()
              ? "ready to hand over, about %d ms; the way back is proved".formatted(pause)
              : "ready to hand over, about %d ms; THERE IS NO WAY BACK".formatted(pause),
          move.offline()
              ? Closing.read(sessions.on(Side.SOURCE).connection(CALL))
                  .map(Closing.State::number)
                  .orElse(0)
              : 0);
    }
  }

  /** Of a source that is closed before it is copied: prepared once before, and once behind it. */
  private boolean comesBeforeTheCopy(Sessions sessions) throws SQLException {
    return move.offline()
        && !ClosedCopy.isOfWhatStands(
            sessions.on(Side.SOURCE).connection(CALL), sessions.on(Side.TARGET).connection(CALL));
  }

  Outcome unprepare(Pulse pulse) throws SQLException {
    try (Sessions sessions = Sessions.openBoth(databases, move, "unprepare-switchover", LONG)) {
      pulse.mustNotHaveFrozen();
      Truth truth = Settlement.closeReturned(sessions, sessions.truth());
      if (truth.side() != Side.SOURCE || !truth.open()) {
        throw Failures.needsHelp(
            "Cannot take the preparation back: the %s is the truth (epoch %d)"
                .formatted(truth.side().word(), truth.decisive().epoch()),
            "roll back first",
            "whimbrel rollback " + move.migration());
      }
      for (Side side : Side.values()) {
        Authority.withdraw(sessions.on(side).connection(CALL));
      }
      new WayBack(secrets, move).remove(sessions);
      Fence.uninstall(sessions.on(Side.SOURCE).connection(LONG));
      return new Outcome("fence triggers dropped from the source; the way back removed");
    }
  }

  private static List<Finding> open(Sessions sessions) throws SQLException {
    List<String> closed = Fence.notOpen(sessions.on(Side.SOURCE).connection(CALL));
    return closed.isEmpty()
        ? List.of()
        : List.of(
            new Finding(
                Finding.Level.BLOCKER,
                "fence",
                closed.get(0),
                "the source is the truth and refuses writes on %d tables".formatted(closed.size()),
                "whimbrel rollback"));
  }

  private static List<Finding> sequences(Session session, Side side, Move move)
      throws SQLException {
    Selection selection = Selection.on(side, move, session.connection(CALL));
    List<Finding> findings = new ArrayList<>();
    for (List<@Nullable String> row :
        session
            .rows(
                """
                SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c
                  JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND n.nspname NOT LIKE 'pg\\_%'
                   AND n.nspname NOT IN ('information_schema', 'whimbrel') AND\s"""
                    + selection.moves()
                    + " AND NOT (has_sequence_privilege(c.oid, 'SELECT') AND has_sequence_privilege(c.oid, 'UPDATE'))",
                CALL)
            .get(0)) {
      String name = Objects.requireNonNull(row.get(0));
      findings.add(
          new Finding(
              Finding.Level.BLOCKER,
              "sequence-privilege",
              side.word() + " " + name,
              "cannot be carried over: SELECT and UPDATE are needed.",
              "GRANT SELECT, UPDATE ON SEQUENCE " + name + " TO current_user;"));
    }
    return findings;
  }

  private static long roundTripMillis(Sessions sessions) throws SQLException {
    long longest = 0;
    for (Side side : Side.values()) {
      Deadline clock = new Deadline(CALL);
      sessions.on(side).run("SELECT 1", CALL);
      longest = Math.max(longest, clock.elapsed().toMillis());
    }
    return longest;
  }
}
