package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.PostgresUrl;
import dev.whimbrel.secrets.Secrets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Optional;

/**
 * The end of a migration whose source is gone for good, as a named person has accepted: the target
 * is tidied alone, and what has to be done with the source, should it come back, is said.
 */
final class LostSource {
  /** How the note of a side begins that was opened without the other. */
  private static final String ACCEPTED = "loss accepted by ";

  private static final Duration CALL = Duration.ofSeconds(30);
  private static final Duration LONG = Duration.ofMinutes(5);

  private final Databases databases;
  private final Secrets secrets;
  private final Move move;

  LostSource(Databases databases, Secrets secrets, Move move) {
    this.databases = databases;
    this.secrets = secrets;
    this.move = move;
  }

  /** The note of who accepted the loss of the other side, and why. */
  static String note(String by, String why) {
    return ACCEPTED + by + (why.isEmpty() ? "" : ": " + why);
  }

  /** Who accepted that the source is lost, where the target was opened without it. */
  static Optional<String> acceptedOn(Authority.Row target) {
    return Optional.ofNullable(target.note())
        .filter(note -> target.writable() == Side.TARGET && note.startsWith(ACCEPTED));
  }

  /** As {@link #acceptedOn(Authority.Row)}, for a target that nobody has looked at yet. */
  static Optional<String> accepted(Databases databases, Move move) throws SQLException {
    String name = Names.applicationName(move.migration(), "lost-source");
    try (Connection target = databases.open(move.target(), name, CALL)) {
      return Authority.read(target).flatMap(LostSource::acceptedOn);
    }
  }

  /**
   * Drops what is left of the way back.
   *
   * @throws Sessions.Unreachable as it came, where nobody has accepted that the source is lost
   */
  Outcome stopReverse(Sessions.Unreachable away) throws SQLException {
    try (Sessions alone = open(away, "stop-reverse")) {
      new WayBack(secrets, move).removeFromTarget(alone.on(Side.TARGET));
      return new Outcome(
          "the way back went with the source (%s); its slots were dropped"
              .formatted(alone.row(Side.TARGET).note()));
    }
  }

  /**
   * Removes everything from the target but {@code whimbrel.authority}, which tells that the source
   * is not the truth.
   *
   * @throws Sessions.Unreachable as it came, where nobody has accepted that the source is lost
   */
  Outcome cleanUp(Sessions.Unreachable away) throws SQLException {
    try (Sessions alone = open(away, "clean-up")) {
      Session target = alone.on(Side.TARGET);
      new WayBack(secrets, move).removeFromTarget(target);
      ForwardStreams.unsubscribe(target, move.migration());
      String clones = new SuiteDatabases(databases, move).dropAllOrSay(target.connection(LONG));
      SharedMarkers.drop(target.connection(CALL));
      target.run(
          "DROP TABLE IF EXISTS whimbrel.marker_reverse, whimbrel.marker_stage, "
              + RowsInFlux.TABLE,
          CALL);
      Fence.uninstall(target.connection(LONG));
      // As the last: until then a second call finds what was left, and names it.
      target.run("DROP TABLE IF EXISTS whimbrel.suite_clone", CALL);
      String database = PostgresUrl.parse(move.source().url()).database();
      return new Outcome(
          "the source is gone (%s). Should it come back, run there before anything connects: %s Until it is retired, whimbrel.authority on the target says that it is not the truth; then: DROP SCHEMA whimbrel CASCADE;%s"
              .formatted(alone.row(Side.TARGET).note(), closing(database), clones));
    }
  }

  /** One line that nobody passes, whatever its rights are. */
  static String closing(String database) {
    return "ALTER DATABASE %s ALLOW_CONNECTIONS false; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s;"
        .formatted(Quoting.identifier(database), Quoting.literal(database));
  }

  private Sessions open(Sessions.Unreachable away, String step) throws SQLException {
    if (away.side() != Side.SOURCE || accepted(databases, move).isEmpty()) {
      throw away;
    }
    return Sessions.openOne(databases, move, step, LONG, Side.TARGET);
  }
}
