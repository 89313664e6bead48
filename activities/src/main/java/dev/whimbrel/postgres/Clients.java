package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.Side;
import io.temporal.failure.ApplicationFailure;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/** Looks for the applications' own traffic on either side. */
final class Clients {
  private static final Duration CALL = Duration.ofSeconds(10);

  /** How long one attempt watches the target's counters. */
  private static final Duration WATCHED = Duration.ofSeconds(10);

  /**
   * How long a service may be without a write before a person is asked: applications that cannot
   * log in on the target are an outage, and nothing else shows it.
   */
  private static final Duration QUIET = Duration.ofMinutes(2);

  private static final String LEFT =
      """
      SELECT coalesce(usename, '?') || ' from ' || coalesce(host(client_addr), 'local') || ' (' || coalesce(nullif(application_name, ''), 'no name') || ')'
        FROM pg_stat_activity
       WHERE datname = current_database() AND backend_type = 'client backend'
         AND pid <> pg_backend_pid() AND application_name NOT LIKE 'whimbrel %'""";

  private final Databases databases;
  private final Move move;
  private final Pace pace;

  Clients(Databases databases, Move move, Pace pace) {
    this.databases = databases;
    this.move = move;
    this.pace = pace;
  }

  /** Fails with {@code NotYet} while a client is left on the source. */
  Outcome awaitTail() throws SQLException {
    List<String> left;
    try {
      left = leftOnTheSource();
    } catch (SQLException e) {
      // Nobody is left on a source that is gone for good.
      return LostSource.accepted(databases, move)
          .map(note -> new Outcome("the source is gone (" + note + "), and its clients with it"))
          .orElseThrow(() -> e);
    }
    if (!left.isEmpty()) {
      throw Failures.notYet(
          "%d clients are still connected to the source: %s"
              .formatted(
                  left.size(), String.join(", ", left.stream().distinct().limit(5).toList())),
          pace.of(Pace.Watcher.TAIL));
    }
    return new Outcome("no client is left on the source");
  }

  private List<String> leftOnTheSource() throws SQLException {
    List<String> left = new ArrayList<>();
    try (Connection source = open(Side.SOURCE, "tail");
        Statement statement = source.createStatement();
        ResultSet rows = statement.executeQuery(LEFT)) {
      while (rows.next()) {
        left.add(rows.getString(1));
      }
    }
    return left;
  }

  /**
   * Watches the target's counters for some seconds: its only writers are applications, since the
   * stream that came is switched off. Fails with {@code NotYet} when nothing was written meanwhile,
   * and asks for help when nothing was for minutes.
   *
   * @param waited how long earlier attempts have looked already
   */
  Outcome awaitFirstWrites(Pulse pulse, Duration waited) throws SQLException {
    Deadline end = new Deadline(WATCHED);
    try (Connection target = open(Side.TARGET, "first-writes");
        Statement statement = target.createStatement()) {
      long before = written(statement);
      for (long looks = 1; !end.passed(); looks++) {
        pulse.rest(pace.of(Pace.Watcher.FIRST_WRITES));
        long now = written(statement);
        pulse.say(Progress.of("waiting for the first writes on the target").after(looks));
        if (now > before) {
          return new Outcome(
              "applications write on the target: %d rows seen".formatted(now - before));
        }
      }
      if (waited.compareTo(QUIET) >= 0) {
        throw quiet(statement, waited);
      }
    }
    throw Failures.notYet("No application has written on the target yet", Duration.ofSeconds(1));
  }

  private static ApplicationFailure quiet(Statement statement, Duration waited)
      throws SQLException {
    Set<String> clients = new TreeSet<>();
    try (ResultSet rows = statement.executeQuery(LEFT)) {
      while (rows.next()) {
        clients.add(rows.getString(1));
      }
    }
    String connected =
        clients.isEmpty()
            ? "no client is connected to the target"
            : "connected to the target: " + String.join(", ", clients.stream().limit(5).toList());
    return Failures.needsHelp(
        "No application has written on the target for %d minutes; %s"
            .formatted(waited.toMinutes(), connected),
        "Look whether the applications work. They reach the target only if what connects them follows"
            + " (poolers, names, their own settings), if their roles have passwords there, and if"
            + " its pg_hba.conf lets them in. Then retry. Skip it if nobody writes at this hour."
            + " Writes go to the target already; a rollback takes them back.",
        null);
  }

  private static long written(Statement statement) throws SQLException {
    try (ResultSet row =
        statement.executeQuery(
            "SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint"
                + " FROM pg_stat_user_tables WHERE schemaname <> 'whimbrel'")) {
      row.next();
      return row.getLong(1);
    }
  }

  private Connection open(Side side, String step) throws SQLException {
    return databases.open(move.on(side), Names.applicationName(move.migration(), step), CALL);
  }
}
