package dev.whimbrel.postgres;

import dev.whimbrel.activity.CopyOpening;
import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.postgres.CopyGenerations.Generation;
import dev.whimbrel.secrets.Secrets;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Begins a clone from a snapshot. What an earlier snapshot brought is dropped: without a stream
 * nobody can say what has changed since, and the schema may be another one.
 */
final class CloneOpener {
  private static final Duration LOOK = Duration.ofMillis(200);
  private static final Duration ANSWER = Duration.ofSeconds(60);

  /** Longer than a server's restart with recovery; then a person is told. */
  private static final Duration PATIENCE = Duration.ofMinutes(10);

  private final Databases databases;
  private final Secrets secrets;
  private final Move move;
  private final int number;
  private final long smallestRange;

  CloneOpener(Databases databases, Secrets secrets, CopyRequest request, long smallestRange) {
    this.databases = databases;
    this.secrets = secrets;
    this.move = request.move();
    this.number = request.generation();
    this.smallestRange = smallestRange;
  }

  /**
   * Opens it. Again is harmless.
   *
   * @throws Snapshots.Gone where the snapshot cannot be read
   */
  CopyOpening open() throws SQLException, Snapshots.Gone {
    try (SchemaSession session = SchemaSession.open(databases, move, "open-clone")) {
      Connection target = session.connection();
      CopyGenerations generations = new CopyGenerations(target);
      mustBeWanted(generations);
      target.commit();
      Generation generation = awaitTaken(target, generations);
      String objects = "";
      if (!generation.opened()) {
        endEarlier(target);
        wipe(session, generations);
        objects = bring(session, generations);
      }
      long again = bytesAgain(target);
      String line =
          new CopyList(target).totals().tables()
              + " tables created; "
              + Size.words(again)
              + " are copied once more"
              + objects;
      target.commit();
      return new CopyOpening(again, line);
    }
  }

  private void mustBeWanted(CopyGenerations generations) throws SQLException {
    if (generations.last() > number) {
      throw Failures.transientFailure(
          "Cannot open snapshot %d of the clone: snapshot %d has taken its place"
              .formatted(number, generations.last()));
    }
  }

  private Generation awaitTaken(Connection target, CopyGenerations generations)
      throws SQLException {
    Instant deadline = Instant.now().plus(PATIENCE);
    while (true) {
      Optional<Generation> taken = generations.find(number);
      target.commit();
      if (taken.isPresent()) {
        return taken.get();
      }
      if (Instant.now().isAfter(deadline)) {
        throw Failures.needsHelp(
            "The source has given no snapshot within %d min".formatted(PATIENCE.toMinutes()),
            "see whether the workers reach it, then run the clone again",
            null);
      }
      Heartbeats.beat("waiting for snapshot " + number);
      Pause.of(LOOK);
    }
  }

  /** Whoever works for an earlier snapshot, or is still building an index for it, ends here. */
  private void endEarlier(Connection target) throws SQLException {
    CopySessions.endAll(target, move);
    CopySessions.endBuilds(target, move);
    target.commit();
    String name = Names.applicationName(move.migration(), "open-clone-of");
    try (Connection source = databases.open(move.source(), name, ANSWER)) {
      CopySessions.endAll(source, move);
      KeptSnapshot.endBefore(source, move, number);
    }
  }

  /** What was copied is counted in the transaction that forgets it. */
  private void wipe(SchemaSession session, CopyGenerations generations) throws SQLException {
    Connection target = session.connection();
    generations.closeOlder();
    generations.addBytesAgain(number, new CopyList(target).totals().bytesDone());
    session.execute("DELETE FROM whimbrel.copy_table");
    new CloneLater(target).clear();
    target.commit();
    if (session.ledger().exists()) {
      SchemaRemoval.run(session);
    }
    target.commit();
    session.ledger().create();
  }

  private String bring(SchemaSession session, CopyGenerations generations)
      throws SQLException, Snapshots.Gone {
    Connection target = session.connection();
    String name = Names.applicationName(move.migration(), "open-clone");
    try (Connection source = new CopySessions(databases, move).holder(name)) {
      String snapshot = generations.enter(source, number);
      try (SchemaCopy schema = SchemaCopy.of(source, session, move, secrets, snapshot)) {
        Roles.carry(source, session);
        schema.createTables();
        new CopyPlanner(source, target, smallestRange, tables(source), move)
            .plan(schema.ofTables());
        // Not those of a table whose rows are left out.
        List<String> listed =
            PublishedTables.names(
                target, "SELECT entry FROM whimbrel.copy_piece WHERE entry IS NOT NULL");
        new CloneLater(target).write(schema.later(Set.copyOf(listed)));
        String objects = CloneObjects.bring(source, session);
        try (Statement open = target.createStatement()) {
          open.execute(
              "UPDATE whimbrel.copy_generation SET opened_at = clock_timestamp() WHERE number = "
                  + number);
        }
        target.commit();
        return objects;
      }
    }
  }

  /** A standby shows no rows of what is not logged. */
  private static String tables(Connection source) throws SQLException {
    return isStandby(source) ? PublishedTables.OF_THE_SERVICE : PublishedTables.LOGGED_OR_NOT;
  }

  /** Whether a server takes no writes, since it follows another one. */
  static boolean isStandby(Connection database) throws SQLException {
    return PublishedTables.names(database, "SELECT pg_catalog.pg_is_in_recovery()")
        .equals(List.of("t"));
  }

  /** Of all snapshots together, without what was sent of pieces that were interrupted. */
  static long bytesAgain(Connection target) throws SQLException {
    try (Statement statement = target.createStatement();
        ResultSet row =
            statement.executeQuery(
                "SELECT coalesce(sum(bytes_again), 0) FROM whimbrel.copy_generation")) {
      row.next();
      return row.getLong(1);
    }
  }
}
