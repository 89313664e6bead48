package dev.whimbrel.postgres;

import dev.whimbrel.activity.ClosingRequest;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.Side;
import io.temporal.failure.ApplicationFailure;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Renews a closing every two seconds. A source that cannot be reached for a while has opened by
 * itself by then, perhaps: if nobody has written all the same, nothing is lost, and it goes on.
 */
final class ClosingKeeper {
  static final Duration INTERVAL = Duration.ofSeconds(2);

  /** Whether the triggers are all on is asked of the whole catalog. */
  private static final Duration COVERED = Duration.ofMinutes(1);

  private static final Duration CALL = Duration.ofSeconds(5);

  private static final String SETTINGS =
      "SET synchronous_commit = off; SET default_transaction_read_only = off;"
          + " SET default_transaction_isolation = 'read committed'; SET statement_timeout = '4s';"
          + " SET search_path = pg_catalog";

  private final Databases databases;
  private final Move move;
  private final int number;
  private final BooleanSupplier engineLives;
  private @Nullable Connection source;
  private Deadline covered = new Deadline(Duration.ZERO);

  /** When it was last renewed; at first, when this keeper took over. */
  private long renewed = System.nanoTime();

  /**
   * A keeper that has not begun.
   *
   * @param engineLives whether the engine has answered lately: for one that is gone nothing is kept
   *     closed
   */
  ClosingKeeper(Databases databases, ClosingRequest request, BooleanSupplier engineLives) {
    this.databases = databases;
    this.move = request.move();
    this.number = request.number();
    this.engineLives = engineLives;
  }

  /** Returns when the closing was ended; fails with {@code NeedsHelp} when it did not hold. */
  Outcome keep(Pulse pulse) {
    try {
      while (true) {
        Outcome ended = engineLives.getAsBoolean() ? look(pulse) : silent(pulse);
        if (ended != null) {
          return ended;
        }
        pulse.rest(INTERVAL);
      }
    } finally {
      drop();
    }
  }

  private @Nullable Outcome silent(Pulse pulse) {
    pulse.say(
        said("THE ENGINE DOES NOT ANSWER: the source is not kept closed, and opens by itself"));
    return null;
  }

  private Progress said(String line) {
    return said(line, Duration.ofNanos(System.nanoTime() - renewed));
  }

  /** What somebody should know of a closing that was last renewed so long ago. */
  static Progress said(String line, Duration sinceRenewal) {
    return Progress.of(line)
        .warning(
            sinceRenewal.compareTo(Closing.LEASE) < 0
                ? null
                : "THE SOURCE MAY TAKE WRITES AGAIN: its closing was last renewed %d s ago: %s"
                    .formatted(sinceRenewal.toSeconds(), line));
  }

  /** Ends by a fact alone: all that merely fails may pass, and the lease does the rest. */
  private @Nullable Outcome look(Pulse pulse) {
    try {
      if (Closing.renew(session(), number)) {
        renewed = System.nanoTime();
        mustBeCovered();
        pulse.say(said("the source is closed for writes"));
        return null;
      }
      return ended();
    } catch (SQLException e) {
      boolean gone =
          (SqlFailures.is(e, SqlFailures.UNDEFINED_TABLE)
                  || SqlFailures.is(e, SqlFailures.UNDEFINED_SCHEMA))
              && wasTakenAway();
      drop();
      if (gone) {
        throw unknown("whimbrel.closing is gone");
      }
      pulse.say(said("the source cannot be kept closed just now: " + SqlFailures.firstLine(e)));
      return null;
    }
  }

  /** Long before a hand-over finds it out. */
  private void mustBeCovered() throws SQLException {
    if (!covered.passed()) {
      return;
    }
    Optional<String> doubt = Closing.doubt(session());
    // A hand-over or somebody who opens the source has ended the closing before.
    if (doubt.isPresent() && Closing.renew(session(), number)) {
      throw doubtful(move, doubt.get());
    }
    covered = new Deadline(COVERED);
  }

  /** Whether this is the source, and not what its address leads to for a moment. */
  private boolean wasTakenAway() {
    try {
      return Answers.holds(session(), "SELECT NOT pg_is_in_recovery()")
          && !Closing.isThere(session())
          && Authority.read(session())
              .filter(row -> row.migration().equals(move.migration()) && row.side() == Side.SOURCE)
              .isPresent();
    } catch (SQLException e) {
      return false;
    }
  }

  /** To be asked of a server that has just taken a write, and so is no standby. */
  private Outcome ended() throws SQLException {
    Closing.State state =
        Closing.read(session()).orElseThrow(() -> unknown("it knows of no closing"));
    if (state.number() < number) {
      throw unknown("the last one that it knows is closing " + state.number());
    }
    if (state.number() > number) {
      return new Outcome("closing %d is over".formatted(number));
    }
    if (Closing.HANDED_OVER.equals(state.ended())) {
      return new Outcome("closing %d is over: the source was handed over".formatted(number));
    }
    throw broken(move, state);
  }

  /** It was restored, or a standby took its place that had not heard of the closing. */
  private RuntimeException unknown(String what) {
    return Failures.needsHelp(
        "The source is not closed, it has lost closing %d (%s): was it restored, or did a standby take its place? Nothing is handed over, and what was copied is stale"
            .formatted(number, what),
        "find out what became of the source and of what was acknowledged there; then retry, which closes it again and copies everything anew",
        "whimbrel retry " + move.migration());
  }

  /** What has to be known of a closing that did not hold. */
  static RuntimeException broken(Move move, Closing.State state) {
    String how =
        state.passed() != null
            ? "Writes to the source have gone on since %s (first %s), because nobody kept it closed"
                .formatted(state.passed(), state.by())
            : state.ended() != null
                ? "The source was opened (%s)".formatted(state.ended())
                : "The source was closed for as long as it may be, until " + state.atMost();
    return Failures.needsHelp(
        how + ": nothing is lost, the source is the truth, and what was copied is stale",
        "retry, which waits for the gate again, closes the source and copies everything anew; or roll back",
        "whimbrel retry " + move.migration());
  }

  /** What has to be known of a closing behind which somebody could write without leaving a row. */
  static RuntimeException doubtful(Move move, String doubt) {
    return Failures.needsHelp(
        doubt + ", so that what was copied may be stale. Nothing is lost, the source is the truth",
        "retry, which waits for the gate again, closes the source and copies everything anew; or roll back",
        "whimbrel retry " + move.migration());
  }

  private Connection session() throws SQLException {
    Connection open = source;
    if (open == null) {
      open = connect();
      source = open;
      try (Statement statement = open.createStatement()) {
        statement.execute(SETTINGS);
      }
    }
    return open;
  }

  private Connection connect() throws SQLException {
    String application = Names.applicationName(move.migration(), "keep-closed");
    try {
      return databases.open(move.source(), application, CALL);
    } catch (ApplicationFailure e) {
      // Where secrets are kept may be away for a while, too.
      throw new SQLException(e.getOriginalMessage(), SqlFailures.CONNECTION_FAILURE, e);
    }
  }

  private void drop() {
    Connection open = source;
    source = null;
    if (open != null) {
      Heartbeats.abort(open);
    }
  }
}
