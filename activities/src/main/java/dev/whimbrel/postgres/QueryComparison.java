package dev.whimbrel.postgres;

import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.QueriesReport;
import dev.whimbrel.activity.QueriesReport.Result;
import dev.whimbrel.activity.QueriesReport.Verdict;
import dev.whimbrel.activity.QueriesRequest;
import dev.whimbrel.runbook.QuerySpec;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.postgresql.core.Parser;

/** Asks both sides each query at the same position, and how long it takes them. */
final class QueryComparison {
  private static final int LONGEST_NOTE = 300;

  private final Databases databases;
  private final QueriesRequest request;
  private final Duration limit;
  private final List<Result> results = new ArrayList<>();
  private final AtomicReference<Progress> progress =
      new AtomicReference<>(Progress.of("preparing to ask both sides"));

  QueryComparison(Databases databases, QueriesRequest request) {
    this(databases, request, QuerySessions.LIMIT);
  }

  /** With another limit for one query. */
  QueryComparison(Databases databases, QueriesRequest request, Duration limit) {
    this.databases = databases;
    this.request = request;
    this.limit = limit;
  }

  QueriesReport run() throws SQLException {
    QuerySessions sessions = QuerySessions.of(databases, request.move(), limit);
    try (SamePosition position = SamePosition.open(databases, request.move(), sessions)) {
      Heartbeats.during(
          progress::get,
          position::abort,
          () -> {
            for (QuerySpec query : request.queries()) {
              progress.set(
                  Progress.of(
                      "asking %s, %d of %d"
                          .formatted(query.name(), results.size() + 1, request.queries().size())));
              results.add(ask(position, query));
            }
          });
    }
    return new QueriesReport(Instant.now(), results);
  }

  private Result ask(SamePosition position, QuerySpec query) throws SQLException {
    QueryLooks looks = new QueryLooks(query.ordered());
    Pair pair = new Pair(position.source(), position.target());
    while (true) {
      position.take();
      Pair.Read<Said> said = pair.both(session -> Said.of(session, query.sql(), limit));
      QueryAnswer source = said.truth().answer();
      QueryAnswer target = said.follower().answer();
      if (source == null || target == null) {
        withoutAnswer(looks, said);
      } else if (!query.timeOnly()) {
        answered(position, pair, query, looks, source, target);
      }
      long rows = source == null ? 0 : source.rows();
      if (looks.verdict() != null) {
        return source == null || target == null
            ? result(query, looks.verdict(), rows, null, looks.note())
            : timed(position, pair, query, looks.verdict(), rows, looks.note());
      }
      if (query.timeOnly() && source != null && target != null) {
        return timed(position, pair, query, Verdict.TIME_ONLY, rows, null);
      }
    }
  }

  private void answered(
      SamePosition position,
      Pair pair,
      QuerySpec query,
      QueryLooks looks,
      QueryAnswer source,
      QueryAnswer target)
      throws SQLException {
    if (!source.hasRowsOf(target)) {
      Pair.Read<Said> again = pair.both(session -> Said.of(session, query.sql(), limit));
      QueryAnswer sourceAgain = again.truth().answer();
      QueryAnswer targetAgain = again.follower().answer();
      if (sourceAgain == null || targetAgain == null) {
        withoutAnswer(looks, again);
        return;
      }
      if (!source.hasRowsOf(sourceAgain) || !target.hasRowsOf(targetAgain)) {
        looks.changesByItself();
        return;
      }
    }
    looks.answered(position.isExact(), source, target);
  }

  private static void withoutAnswer(QueryLooks looks, Pair.Read<Said> said) {
    String tooMuch =
        said.truth().tooMuch() == null ? said.follower().tooMuch() : said.truth().tooMuch();
    if (tooMuch != null) {
      looks.tooMuch(tooMuch);
    } else if (said.truth().passing() || said.follower().passing()) {
      looks.disturbed();
    } else {
      looks.failed(said.truth().failure(), said.follower().failure());
    }
  }

  /** How long both take, now that the rows have been read once. */
  private Result timed(
      SamePosition position,
      Pair pair,
      QuerySpec query,
      Verdict verdict,
      long rows,
      @Nullable String note)
      throws SQLException {
    Pair.@Nullable Read<QueryTime> times = null;
    position.leave();
    try {
      times = pair.both(session -> QueryTime.of(session, query.sql()));
    } catch (SQLException e) {
      if (Said.isLost(e)) {
        throw e;
      }
    }
    return result(query, verdict, rows, times, note);
  }

  private static Result result(
      QuerySpec query,
      Verdict verdict,
      long rows,
      Pair.@Nullable Read<QueryTime> times,
      @Nullable String note) {
    boolean slower = times != null && times.follower().isSlowerThan(times.truth());
    String words =
        note == null && slower && times != null ? times.follower().hint(times.truth()) : note;
    return new Result(
        query.name(),
        query.line(),
        verdict,
        rows,
        times == null ? null : times.truth().millis(),
        times == null ? null : times.follower().millis(),
        slower,
        words == null || words.length() <= LONGEST_NOTE
            ? words
            : words.substring(0, LONGEST_NOTE) + "…");
  }

  /**
   * What one side says: an answer, or why there is none.
   *
   * @param failure in words
   * @param passing whether it may go away by itself
   */
  private record Said(
      @Nullable QueryAnswer answer,
      @Nullable String failure,
      boolean passing,
      @Nullable String tooMuch) {

    /** Asks; a failure of the statement is what was said, one of the session is thrown. */
    static Said of(Connection session, String sql, Duration limit) throws SQLException {
      if (!isOne(sql)) {
        return new Said(null, "the driver takes it for several statements", false, null);
      }
      try {
        return new Said(QueryAnswer.of(session, sql, limit), null, false, null);
      } catch (QueryAnswer.TooMuch e) {
        return new Said(null, null, false, e.getMessage());
      } catch (SQLException e) {
        if (isLost(e)) {
          throw e;
        }
        if (SqlFailures.is(e, SqlFailures.QUERY_CANCELED)) {
          return new Said(
              null, "it takes longer than %d s".formatted(limit.toSeconds()), false, null);
        }
        boolean passing =
            SqlFailures.is(e, SqlFailures.LOCK_NOT_AVAILABLE)
                || SqlFailures.is(e, SqlFailures.DEADLOCK_DETECTED);
        return new Said(null, words(e), passing, null);
      }
    }

    /** What the driver would cut, it would send piece by piece. */
    private static boolean isOne(String sql) throws SQLException {
      return Parser.parseJdbcSql(sql, true, false, true, false, true).size() == 1;
    }

    /** What the server says of the data holds values of theirs. */
    private static String words(SQLException e) {
      String state = String.valueOf(e.getSQLState());
      boolean ofTheStatement =
          List.of("42", "25", "0A", "55", "3F").stream().anyMatch(state::startsWith);
      return ofTheStatement
          ? SqlFailures.firstLine(e)
          : "the server refuses what it does with the data (SQLSTATE %s)".formatted(state);
    }

    /** Whether the session is of no use any more. */
    static boolean isLost(SQLException e) {
      String state = e.getSQLState() == null ? "08000" : e.getSQLState();
      return state.startsWith("08") || state.startsWith("57P") || state.startsWith("25P03");
    }
  }
}
