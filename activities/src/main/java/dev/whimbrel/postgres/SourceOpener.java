package dev.whimbrel.postgres;

import dev.whimbrel.activity.ClosingRequest;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.Side;
import io.temporal.failure.ApplicationFailure;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * Ends a {@link Closing} and takes its triggers out of the writers' way. It holds no lock between
 * two statements and may stand still at any point for as long as it likes: each of its statements
 * does nothing where a later closing was made, since it looks for one with the table's lock held.
 */
final class SourceOpener {
  private static final Duration ANSWER = Duration.ofSeconds(30);

  /** Where so many tables are busy, whoever comes next has more luck. */
  private static final int BUSY = 3;

  private final int number;
  private final Consumer<String> before;

  /** Opens a source. */
  static Outcome open(Databases databases, ClosingRequest request) throws SQLException {
    String application = Names.applicationName(request.move().migration(), "open-source");
    Session.Place place = new Session.Place(Side.SOURCE, request.move().source(), application);
    try (Session source = Session.open(databases, place, new RoundTrips())) {
      return new SourceOpener(request.number(), point -> {}).open(source.connection(ANSWER));
    }
  }

  /**
   * One that has not begun.
   *
   * @param before told what is about to be done: {@code end}, {@code list}, and each table
   */
  SourceOpener(int number, Consumer<String> before) {
    this.number = number;
    this.before = before;
  }

  /** Opens it; the connection must be in autocommit mode. */
  Outcome open(Connection source) throws SQLException {
    before.accept("end");
    boolean closed = Closing.end(source, number, "opened");
    if (!Closing.isThere(source)) {
      return new Outcome("the source was not closed for a copy");
    }
    before.accept("list");
    try {
      lift(source);
    } catch (SQLException e) {
      if (!SqlFailures.is(e, Closing.LATER_STATE)) {
        throw e;
      }
      return new Outcome("closing %d is over, and a later one was made".formatted(number));
    }
    return new Outcome(
        closed ? "the source takes writes again" : "the source was not closed for a copy");
  }

  private void lift(Connection source) throws SQLException {
    String enabled =
        "EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = c.oid AND g.tgenabled <> 'D' AND "
            + ClosingSql.NAMED
            + ")";
    List<String> busy = new ArrayList<>();
    for (String table : Fence.tables(source, FenceSql.COVERED, enabled)) {
      before.accept(table);
      try {
        Fence.change(source, table, ClosingSql.lift(table, number));
      } catch (ApplicationFailure e) {
        busy.add(table);
      }
      if (busy.size() == BUSY) {
        break;
      }
    }
    if (!busy.isEmpty()) {
      throw Failures.transientFailure(
          "The source takes writes, and triggers of its closing are still on, since these tables stayed locked: "
              + String.join(", ", busy));
    }
  }
}
