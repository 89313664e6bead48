package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.SuiteClone;
import dev.whimbrel.attempt.Attempt;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * The databases in which suites write. What is about to be made is recorded on the target before,
 * by its mark, and nothing that is not recorded is ever dropped. Everybody works under one lock, in
 * the session that holds it: whoever comes ends a frozen one, whose words then arrive nowhere.
 */
final class SuiteDatabases {
  private static final String SETTINGS =
      "SET default_transaction_read_only = off; SET statement_timeout = 0; SET lock_timeout = '60s';"
          + " SET search_path = ''; SET client_min_messages = warning;"
          + " SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 4";

  /** Over: a late attempt makes it no more. Gone: it was dropped, or never made. */
  private static final String RECORD =
      """
      CREATE TABLE IF NOT EXISTS whimbrel.suite_clone (
        mark text PRIMARY KEY,
        database text NOT NULL,
        over boolean NOT NULL,
        gone boolean NOT NULL,
        at timestamptz NOT NULL DEFAULT clock_timestamp())""";

  /** Attempts in which what may pass by itself is tried again; some seconds in all. */
  private static final int TRIES = 5;

  private final Databases databases;
  private final Move move;

  SuiteDatabases(Databases databases, Move move) {
    this.databases = databases;
    this.move = move;
  }

  /**
   * Makes an empty database like the target's. Again is harmless.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} where it was dropped before,
   *     where somebody else has one of this name, or where there is no room
   */
  String create(SuiteClone clone) throws SQLException {
    Attempt attempt = new Attempt();
    String database = clone.database();
    try (Connection target = open()) {
      take(target);
      requireNotHandedOver(target);
      Verbatim.execute(target, RECORD);
      String size = NewDatabase.sizeWords(target);
      if (!isRecorded(target, clone)) {
        if (exists(target, database)) {
          throw Failures.needsHelp(
              "Cannot make %s on the target: a database of this name is there, and this migration has not made it"
                  .formatted(database),
              "find out whose it is; a retry takes another name",
              null);
        }
        NewDatabase.requireRoom(target, move.target().storage());
        NewDatabase.requireCopyable(target);
        attempt.requireMoment();
        record(target, clone);
      }
      if (!exists(target, database)) {
        String create = NewDatabase.creation(target, database);
        Heartbeats.during(
            Progress.of("making database " + database),
            target,
            () -> Verbatim.execute(target, create));
      }
      for (String sql : NewDatabase.likeTheTarget(target, database, move.migration())) {
        Verbatim.execute(target, sql);
      }
      return "%s is made, for about %s".formatted(database, size);
    }
  }

  /** Drops one; no late attempt makes it again. */
  String drop(SuiteClone clone) throws SQLException {
    try (Connection target = open()) {
      take(target);
      if (!isClaimed(target)) {
        return "the target is not claimed: nothing of this migration is there";
      }
      Verbatim.execute(target, RECORD);
      if (markOver(target, clone)) {
        return clone.database() + " was dropped before, or never made";
      }
      drop(target, clone.mark(), clone.database());
      return clone.database() + " is dropped";
    }
  }

  /**
   * Drops all that were made and are not gone; returns what was done in words.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} that names what is left
   */
  String dropAll() throws SQLException {
    Swept swept = sweep();
    if (!swept.left().isEmpty()) {
      throw Failures.needsHelp(
          "On the target's server is left: " + swept.words(),
          "see who uses it, then drop it by hand",
          swept.left().keySet().stream().map(NewDatabase::removal).collect(Collectors.joining("; "))
              + ";");
    }
    return swept.dropped() == 0
        ? "no clone of a suite is left"
        : "%d clones of a suite are dropped".formatted(swept.dropped());
  }

  /**
   * The same where nothing waits for it: what is left, in words, or an empty text.
   *
   * @param look a session on the target; no other is opened where no suite has run
   */
  String dropAllOrSay(Connection look) throws SQLException {
    if (!hasRecords(look)) {
      return "";
    }
    Swept swept = sweep();
    return swept.left().isEmpty()
        ? ""
        : "; LEFT on the target's server, to be dropped by hand: " + swept.words();
  }

  /**
   * What became of all of them.
   *
   * @param left databases that could not be dropped, each with the reason
   */
  private record Swept(int dropped, Map<String, String> left) {
    String words() {
      return left.entrySet().stream()
          .map(each -> "database %s (%s)".formatted(each.getKey(), each.getValue()))
          .collect(Collectors.joining(", "));
    }
  }

  private Swept sweep() throws SQLException {
    Attempt attempt = new Attempt();
    int dropped = 0;
    Map<String, String> left = new LinkedHashMap<>();
    boolean mayPass = false;
    try (Connection target = open()) {
      take(target);
      if (!isClaimed(target) || !hasRecords(target)) {
        return new Swept(0, left);
      }
      for (String mark :
          PublishedTables.names(
              target, "SELECT mark FROM whimbrel.suite_clone WHERE NOT gone ORDER BY at")) {
        attempt.requireAwaited();
        String database = markOver(target, mark);
        try {
          drop(target, mark, database);
          dropped++;
        } catch (SQLException e) {
          if (target.isClosed()) {
            throw e;
          }
          left.put(database, SqlFailures.firstLine(e));
          mayPass |= SqlFailures.mayPass(e);
        }
      }
    }
    Swept swept = new Swept(dropped, left);
    if (mayPass && attempt.number() < TRIES) {
      // The record goes with what comes behind this: what passes by itself is waited for.
      throw Failures.transientFailure("On the target's server is left: " + swept.words());
    }
    return swept;
  }

  private void drop(Connection target, String mark, String database) throws SQLException {
    new DatabaseKeepers(databases, move.target(), name()).end(target, database);
    Heartbeats.during(
        Progress.of("dropping database " + database),
        target,
        () -> Verbatim.execute(target, NewDatabase.removal(database)));
    try (PreparedStatement update =
        target.prepareStatement("UPDATE whimbrel.suite_clone SET gone = true WHERE mark = ?")) {
      update.setString(1, mark);
      update.executeUpdate();
    }
  }

  private Connection open() throws SQLException {
    Connection target = databases.open(move.target(), name(), Duration.ZERO);
    try {
      Verbatim.execute(target, SETTINGS);
      if (target.getMetaData().getDatabaseMajorVersion() >= 14) {
        Verbatim.execute(target, "SET idle_session_timeout = 0");
      }
      return target;
    } catch (SQLException e) {
      target.close();
      throw e;
    }
  }

  private String name() {
    return Names.applicationName(move.migration(), "suite-clone");
  }

  private void take(Connection target) throws SQLException {
    StepLock.take(target, "suite-clone " + move.migration());
  }

  private boolean isClaimed(Connection target) throws SQLException {
    return Authority.read(target)
        .filter(row -> row.migration().equals(move.migration()))
        .isPresent();
  }

  private static boolean hasRecords(Connection target) throws SQLException {
    return Answers.holds(target, "SELECT to_regclass('whimbrel.suite_clone') IS NOT NULL");
  }

  private void requireNotHandedOver(Connection target) throws SQLException {
    if (Authority.require(target, move.migration(), Side.TARGET).writable() == Side.TARGET) {
      throw Failures.needsHelp(
          "Cannot make a clone for a suite: the target takes the writes by now",
          "nothing is to be done: a late attempt begins nothing",
          null);
    }
  }

  private static boolean exists(Connection target, String database) throws SQLException {
    return !PublishedTables.names(
            target,
            "SELECT datname FROM pg_catalog.pg_database WHERE datname = "
                + Quoting.literal(database))
        .isEmpty();
  }

  /** Whether it was about to be made by an earlier attempt. */
  private static boolean isRecorded(Connection target, SuiteClone clone) throws SQLException {
    try (PreparedStatement select =
        target.prepareStatement("SELECT over FROM whimbrel.suite_clone WHERE mark = ?")) {
      select.setString(1, clone.mark());
      try (ResultSet row = select.executeQuery()) {
        if (!row.next()) {
          return false;
        }
        if (row.getBoolean(1)) {
          throw Failures.needsHelp(
              "Cannot make %s: it was dropped, and a late attempt begins nothing"
                  .formatted(clone.database()),
              "retry the step: it makes another one",
              null);
        }
        return true;
      }
    }
  }

  private static void record(Connection target, SuiteClone clone) throws SQLException {
    try (PreparedStatement insert =
        target.prepareStatement(
            "INSERT INTO whimbrel.suite_clone (mark, database, over, gone) VALUES (?, ?, false, false)")) {
      insert.setString(1, clone.mark());
      insert.setString(2, clone.database());
      insert.executeUpdate();
    }
  }

  /** Keeps late attempts from making it; returns whether there is nothing to drop. */
  private static boolean markOver(Connection target, SuiteClone clone) throws SQLException {
    try (PreparedStatement upsert =
        target.prepareStatement(
            "INSERT INTO whimbrel.suite_clone AS c (mark, database, over, gone) VALUES (?, ?, true, true)"
                + " ON CONFLICT (mark) DO UPDATE SET over = true RETURNING gone")) {
      upsert.setString(1, clone.mark());
      upsert.setString(2, clone.database());
      try (ResultSet row = upsert.executeQuery()) {
        row.next();
        return row.getBoolean(1);
      }
    }
  }

  /** The same by the mark of one that is recorded; returns its database. */
  private static String markOver(Connection target, String mark) throws SQLException {
    try (PreparedStatement update =
        target.prepareStatement(
            "UPDATE whimbrel.suite_clone SET over = true WHERE mark = ? RETURNING database")) {
      update.setString(1, mark);
      try (ResultSet row = update.executeQuery()) {
        row.next();
        return row.getString(1);
      }
    }
  }
}
