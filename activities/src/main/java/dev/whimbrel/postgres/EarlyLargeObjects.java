package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Large objects long before a switchover: with the early sequences, and when one is prepared. */
final class EarlyLargeObjects {
  static final String NOT_ABLE = "There are large objects, and only superusers may carry them";

  private static final Duration CALL = Duration.ofSeconds(10);

  private EarlyLargeObjects() {}

  /** Brings what there is while a switchover to the target is prepared; says what would stop it. */
  static Optional<Finding> prepare(Sessions sessions, String migration, Pulse pulse)
      throws SQLException {
    return bring(sessions, Side.SOURCE, migration, saying(pulse))
        ? Optional.empty()
        : Optional.of(
            new Finding(
                Finding.Level.BLOCKER,
                "large-objects",
                Side.SOURCE.word(),
                NOT_ABLE + ".",
                LargeObjectChecks.NOT_ABLE_FIX));
  }

  /** What the last pass will take: as long as one that finds little; 0 where there are none. */
  static long millis(Sessions sessions, String migration, Pulse pulse) throws SQLException {
    if (!sessions.on(Side.SOURCE).holds(LastLargeObjects.FOUND, CALL)) {
      return 0;
    }
    Deadline clock = new Deadline(LargeObjectPass.MESSAGE);
    bring(sessions, Side.SOURCE, migration, saying(pulse));
    return clock.elapsed().toMillis();
  }

  /** Tells a pulse how far a pass is, and ends the pass where the activity is cancelled. */
  static LargeObjectPass.Step saying(Pulse pulse) {
    return saying(pulse, progress -> progress);
  }

  /** The same, with more to be said. */
  static LargeObjectPass.Step saying(Pulse pulse, UnaryOperator<Progress> words) {
    return rows -> {
      pulse.check();
      pulse.say(words.apply(LargeObjectPass.progress(rows)));
    };
  }

  /**
   * Brings what there is by sessions that hold the locks, however long it takes. What the source
   * alone has is left there until a rollback needs its place: it may have been written too late.
   *
   * @return false where there is something and the rights do not suffice
   */
  static boolean bring(Sessions sessions, Side from, String migration, LargeObjectPass.Step step)
      throws SQLException {
    ObjectRights truth = ObjectRights.of(sessions.on(from));
    ObjectRights follower = ObjectRights.of(sessions.on(from.other()));
    boolean able = truth.able() && follower.able();
    if (!truth.present() && !(able && follower.present())) {
      return true;
    }
    if (able) {
      sessions.pinger().until(LargeObjectPass.MESSAGE);
      LargeObjectPass pass =
          LargeObjectPass.between(
              sessions,
              from,
              migration,
              LargeObjectPass.MESSAGE,
              rows -> {
                sessions.pinger().until(LargeObjectPass.MESSAGE);
                step.at(rows);
              });
      (from == Side.SOURCE ? pass : pass.keepingOthers()).run();
    }
    return able;
  }

  /**
   * As {@link #bring} for the early pass, on connections of its own.
   *
   * @return what was brought, or an empty text where there is nothing
   */
  static String early(Databases databases, Move move, Connection source) throws SQLException {
    if (!Answers.holds(source, LastLargeObjects.FOUND)) {
      return "";
    }
    try (Connection truth = open(databases, move, Side.SOURCE);
        Connection beside = open(databases, move, Side.SOURCE);
        Connection follower = open(databases, move, Side.TARGET)) {
      mustBeAble(truth);
      mustBeAble(follower);
      AtomicLong rows = new AtomicLong();
      LargeObjectPass pass =
          new LargeObjectPass(
              move.migration(),
              Side.SOURCE,
              sql -> ask(truth, sql),
              sql -> ask(follower, sql),
              sql -> ask(beside, sql),
              rows::set);
      Heartbeats.during(
          () -> LargeObjectPass.progress(rows.get()),
          () -> List.of(truth, beside, follower).forEach(Heartbeats::abort),
          pass::run);
      return ", %,d rows of large objects brought".formatted(rows.get());
    }
  }

  /** There were none when the migration was planned. */
  private static void mustBeAble(Connection side) throws SQLException {
    if (!ObjectRights.of(side).able()) {
      throw Failures.needsHelp(NOT_ABLE, LargeObjectChecks.NOT_ABLE_FIX + "; then retry", null);
    }
  }

  /** What a rollback would ask, where the truth has objects that the rights do not suffice for. */
  static @Nullable String obstacle(Session truth, Session follower) throws SQLException {
    ObjectRights here = ObjectRights.of(truth);
    if (!here.present()) {
      return null;
    }
    if (!here.able() || !ObjectRights.of(follower).able()) {
      return NOT_ABLE + ": connect as a superuser, or roll back without them by --accept-loss";
    }
    return here.labelled() ? "large objects have security labels" : null;
  }

  static Connection open(Databases databases, Move move, Side side) throws SQLException {
    Connection connection =
        databases.open(
            move.on(side),
            Names.applicationName(move.migration(), "large-objects"),
            LargeObjectPass.MESSAGE,
            // One message a script, which only the server cuts into statements.
            Map.of("preferQueryMode", "simple"));
    Verbatim.execute(
        connection,
        "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = '10min'; SET search_path = pg_catalog;"
            + " SET default_transaction_read_only = off; SET client_min_messages = warning");
    return connection;
  }

  static List<List<List<@Nullable String>>> ask(Connection connection, String sql)
      throws SQLException {
    List<List<List<@Nullable String>>> results = new ArrayList<>();
    try (Statement statement = connection.createStatement()) {
      statement.setEscapeProcessing(false);
      boolean more = statement.execute(sql);
      while (more || statement.getUpdateCount() >= 0) {
        if (more) {
          try (ResultSet set = statement.getResultSet()) {
            results.add(Session.texts(set));
          }
        }
        more = statement.getMoreResults();
      }
    }
    return results;
  }
}
