package dev.whimbrel.postgres;

import dev.whimbrel.activity.Closed;
import dev.whimbrel.activity.ClosingRequest;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import io.temporal.failure.ApplicationFailure;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * Makes a {@link Closing}: one transaction that locks every table, so that nobody is in the middle
 * of a write, and is over within the pause budget. It is one message: a process that dies before it
 * has closed nothing, and behind it the source opens by itself where nobody keeps it closed.
 */
final class SourceCloser {
  private static final Duration CALL = Duration.ofSeconds(10);
  private static final Duration LONG = Duration.ofMinutes(5);

  /** What was prepared is no longer what is there. */
  private static final String CHANGED_STATE = "WHC02";

  private final Databases databases;
  private final ClosingRequest request;
  private final Move move;
  private final Pulse pulse;

  SourceCloser(Databases databases, ClosingRequest request, Pulse pulse) {
    this.databases = databases;
    this.request = request;
    this.move = request.move();
    this.pulse = pulse;
  }

  Closed close() throws SQLException {
    try (Sessions sessions = Sessions.openBoth(databases, move, "close-source", LONG)) {
      Session source = sessions.on(Side.SOURCE);
      mustBeWanted(sessions, source);
      Optional<Closing.State> before = Closing.read(source.connection(CALL));
      if (before.isPresent() && before.get().number() >= request.number()) {
        return standing(source, before.get());
      }
      SynchronousStandby.mustAnswer(source, pulse);
      Blockers.await(sessions, List.of(Side.SOURCE), pulse);
      install(sessions, source);
      Closing.forgetOlder(source.connection(LONG), request.number());
      String lock = TableLocks.statement(source);
      String fingerprint = fingerprint(source);
      if (pulse.cancelled()) {
        pulse.check();
        throw Failures.transientFailure("Stopped before anything was closed");
      }
      pulse.mustNotHaveFrozen();
      run(sessions, source, lock, fingerprint);
      return answer(Closing.read(source.connection(CALL)).orElseThrow());
    }
  }

  /** Whoever is in the way of the triggers is named, once he is old enough. */
  private void install(Sessions sessions, Session source) throws SQLException {
    try {
      Closing.install(source.connection(LONG));
    } catch (ApplicationFailure e) {
      if (e.isNonRetryable()) {
        throw e;
      }
      Blockers.await(sessions, List.of(Side.SOURCE), pulse);
      Closing.install(source.connection(LONG));
    }
  }

  private void mustBeWanted(Sessions sessions, Session source) throws SQLException {
    Truth truth = sessions.truth();
    if (truth.side() != Side.SOURCE || !truth.open()) {
      throw Failures.needsHelp(
          "Cannot close the source: the %s is the truth (epoch %d)"
              .formatted(truth.side().word(), truth.decisive().epoch()),
          "see who decided: whimbrel inspect",
          null);
    }
    Authority.mustNotBeWithdrawn(source.connection(CALL), truth.source());
    Fencing.mustBeExpected(move, request.expectedEpoch(), truth.decisive());
    List<String> bare = Fence.withoutTriggers(source.connection(CALL));
    if (truth.source().fingerprint() == null || !bare.isEmpty()) {
      throw Failures.needsHelp(
          "The switchover is not prepared: "
              + (bare.isEmpty() ? "no fingerprint of the catalog" : "no fence on " + bare.get(0)),
          "prepare the switchover again, then retry",
          "whimbrel retry " + move.migration());
    }
  }

  /** An earlier attempt has closed, or a later decision was made. */
  private Closed standing(Session source, Closing.State state) throws SQLException {
    if (state.number() == request.number()
        && Closing.renew(source.connection(CALL), request.number())) {
      Optional<String> doubt = Closing.doubt(source.connection(CALL));
      if (doubt.isPresent()) {
        throw ClosingKeeper.doubtful(move, doubt.get());
      }
      return answer(Closing.read(source.connection(CALL)).orElseThrow());
    }
    throw state.number() == request.number()
        ? ClosingKeeper.broken(move, state)
        : Failures.needsHelp(
            "The source was closed again since (closing %d, this is %d): a late attempt closes nothing"
                .formatted(state.number(), request.number()),
            "nothing is to be done for this attempt",
            null);
  }

  /** Nobody is held up for longer than the budget: each statement has what the others left. */
  private void run(Sessions sessions, Session source, String lock, String fingerprint)
      throws SQLException {
    Duration budget = move.pauseBudget();
    try {
      source.run(
          """
          BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
          %1$s;
          %2$s;
          %1$s;
          DO $$ BEGIN
            IF (%3$s) IS DISTINCT FROM (SELECT fingerprint FROM whimbrel.authority) THEN
              RAISE EXCEPTION 'the catalog has changed' USING ERRCODE = '%4$s';
            END IF;
          END $$;
          %1$s;
          %5$s;
          COMMIT"""
              .formatted(
                  left(budget),
                  lock,
                  fingerprint,
                  CHANGED_STATE,
                  ClosingSql.closing(
                      request.number(),
                      request.atMost(),
                      // As it was just found to be.
                      "(SELECT fingerprint FROM whimbrel.authority)")),
          budget.multipliedBy(2));
    } catch (SQLException e) {
      throw refused(sessions, source, e);
    }
  }

  /** Gives the next statement of a transaction what is left of its budget. */
  private static String left(Duration budget) {
    return "SELECT set_config('statement_timeout', greatest(1, ceil(%d - 1000 * extract(epoch FROM clock_timestamp() - transaction_timestamp())))::text, true)"
        .formatted(budget.toMillis());
  }

  /** In words, where nobody is held up any more. */
  private RuntimeException refused(Sessions sessions, Session source, SQLException e)
      throws SQLException {
    RuntimeException refused;
    if (Blockers.keptOut(e)) {
      refused =
          Blockers.stayedLocked(sessions.besideOn(Side.SOURCE), Side.SOURCE, move.pauseBudget(), e);
    } else if (SqlFailures.is(e, CHANGED_STATE)) {
      refused =
          Failures.needsHelp(
              "The catalog of the source is no longer the one that was prepared for: a table, column or sequence was added, changed or dropped",
              "make the same change on the target where it is missing, then retry, which prepares again",
              "whimbrel retry " + move.migration());
    } else {
      return SqlFailures.of("Cannot close the source", e);
    }
    source.run("ROLLBACK", CALL);
    return refused;
  }

  private String fingerprint(Session source) throws SQLException {
    Connection catalog = source.connection(CALL);
    return Settled.ask(Side.SOURCE, move, catalog, Fence::fingerprint);
  }

  private static Closed answer(Closing.State state) {
    return new Closed(
        state.number(),
        state.closedAt(),
        state.atMost(),
        "the source is closed for writes since %s, until %s at the latest"
            .formatted(state.closedAt(), state.atMost()));
  }
}
