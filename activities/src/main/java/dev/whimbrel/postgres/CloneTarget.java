package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * The claim of a clone on its target. It is by the run and not by the clone's name, so that an
 * attempt of an earlier run finds that nothing there is its own.
 */
final class CloneTarget {
  private static final Duration ANSWER = Duration.ofSeconds(60);

  private final Databases databases;
  private final Move move;

  CloneTarget(Databases databases, Move move) {
    this.databases = databases;
    this.move = move;
  }

  /**
   * Keeps the claim from being let go until the open transaction ends.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} where the target is not this
   *     run's (any more)
   */
  static void requireClaim(Connection target, Move move) throws SQLException {
    Authority.require(target, move.migration(), Side.TARGET);
    if (!holds(target, move.migration())) {
      throw Failures.transientFailure("The target is let go of by this run");
    }
  }

  /** Whether a run holds the target, until the open transaction ends. */
  private static boolean holds(Connection target, String run) throws SQLException {
    try (PreparedStatement select =
        target.prepareStatement("SELECT FROM whimbrel.authority WHERE migration = ? FOR SHARE")) {
      select.setString(1, run);
      try (ResultSet row = select.executeQuery()) {
        return row.next();
      }
    }
  }

  /**
   * Claims the target. Again is harmless.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} where it is somebody else's or
   *     not empty; {@code Transient} while an earlier run is still at work there
   */
  void claim() throws SQLException {
    dev.whimbrel.attempt.Attempt attempt = new dev.whimbrel.attempt.Attempt();
    Optional<String> holder = holder();
    String run = move.migration();
    if (holder.isPresent() && !holder.get().equals(run) && isOfThisClone(holder.get())) {
      takeOver(holder.get());
    }
    // Nobody has gone on without this attempt: after a clean-up no late one claims once more.
    attempt.requireMoment();
    try (Connection target = open("claim")) {
      target.setAutoCommit(false);
      Authority.claim(target, run, Side.TARGET);
      CopyList list = new CopyList(target);
      if (!list.exists()) {
        requireEmpty(target);
        list.create();
        new CloneLater(target).create();
      }
      target.commit();
    }
  }

  /** Drops what this run brought, and lets go of the target. Again is harmless. */
  String drop() throws SQLException {
    return letGo(move, true)
        .map(kept -> "what this clone brought is dropped" + kept)
        .orElse("nothing of this clone is there");
  }

  /** Lets go of the target and leaves the clone. Again is harmless. */
  String release() throws SQLException {
    return letGo(move, false)
        .map(kept -> "nothing of Whimbrel's is left on the target")
        .orElse("the target was let go of before");
  }

  /** What was kept of it, in words behind a semicolon; nothing where it was not there. */
  private Optional<String> letGo(Move of, boolean dropping) throws SQLException {
    if (!holder().equals(Optional.of(of.migration()))) {
      return Optional.empty();
    }
    // Its lock ends whoever works on the schema for this run, and keeps out whoever comes late.
    try (SchemaSession session = SchemaSession.open(databases, of, "let-go")) {
      Connection target = session.connection();
      CopySessions.endEverybody(target, of);
      target.commit();
      String kept = dropping && session.ledger().exists() ? SchemaRemoval.run(session) : "";
      if (holds(target, of.migration())) {
        session.execute("DROP SCHEMA whimbrel CASCADE");
      }
      target.commit();
      return Optional.of(kept);
    }
  }

  private Optional<String> holder() throws SQLException {
    try (Connection target = open("claim")) {
      return Authority.read(target).map(Authority.Row::migration);
    }
  }

  private boolean isOfThisClone(String holder) {
    String run = move.migration();
    return holder.startsWith(run.substring(0, run.indexOf('~') + 1));
  }

  /** The engine lets one run of a clone work at a time, so that an earlier one is over. */
  private void takeOver(String earlier) throws SQLException {
    Move of =
        new Move(
            earlier,
            move.source(),
            move.target(),
            move.connect(),
            move.leftBehind(),
            move.jobs(),
            move.maxLag());
    try (Connection target = open("claim")) {
      if (CopySessions.isAtWork(target, of)) {
        throw Failures.transientFailure(
            "Cannot claim the target: an earlier run of this clone (%s) is still at work there"
                .formatted(earlier));
      }
    }
    letGo(of, true);
  }

  private static void requireEmpty(Connection target) throws SQLException {
    List<String> found = DatabaseChecks.objects(target);
    if (!found.isEmpty()) {
      throw Failures.needsHelp(
          "Cannot clone into the target: it is not empty, it holds " + DatabaseChecks.some(found),
          "drop what is there, or name an empty database in the runbook",
          "DROP SCHEMA public CASCADE; CREATE SCHEMA public;");
    }
  }

  private Connection open(String step) throws SQLException {
    Connection target =
        databases.open(move.target(), Names.applicationName(move.migration(), step), ANSWER);
    try (Statement statement = target.createStatement()) {
      statement.execute("SET default_transaction_read_only = off");
      return target;
    } catch (SQLException e) {
      target.close();
      throw e;
    }
  }

  /** What a run belongs to, in words; a migration's name is its own. */
  static String words(String holder) {
    int mark = holder.indexOf('~');
    return mark < 0
        ? "migration " + holder
        : "clone " + holder.substring(0, mark) + " (run " + holder.substring(mark + 1) + ")";
  }

  /** The command that shows it. */
  static String command(String holder) {
    return holder.indexOf('~') < 0
        ? "whimbrel status " + holder
        : "whimbrel clone RUNBOOK --cancel; where none runs, on the target: DROP SCHEMA whimbrel CASCADE;";
  }
}
