package dev.whimbrel.postgres;

import dev.whimbrel.activity.Copy;
import dev.whimbrel.activity.CopyOpening;
import dev.whimbrel.activity.CopyPlan;
import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.activity.CopyShare;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.postgres.CopyGenerations.Generation;
import dev.whimbrel.postgres.CopyList.Totals;
import dev.whimbrel.secrets.Secrets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Optional;

/** The bulk copy between two servers: {@code COPY} out of one snapshot, piped in memory. */
public final class PostgresCopy implements Copy {
  private static final Duration ANSWER = Duration.ofSeconds(90);

  private final Secrets secrets;
  private final Databases databases;
  private final Pace pace;
  private final long smallestRange;

  /** A copy whose connections use these secrets. */
  public PostgresCopy(Secrets secrets, Pace pace) {
    this(secrets, pace, CopyPlanner.SMALLEST_RANGE);
  }

  /** A copy that cuts tables into ranges of so many bytes, or larger ones. */
  PostgresCopy(Secrets secrets, Pace pace, long smallestRange) {
    this.pace = pace;
    this.secrets = secrets;
    this.databases = new Databases(secrets);
    this.smallestRange = smallestRange;
  }

  @Override
  public CopyPlan prepareCopy(Move move) {
    String application = Names.applicationName(move.migration(), "prepare-copy");
    try (SchemaSession target = SchemaSession.open(databases, move, "prepare-copy");
        Connection source = databases.open(move.source(), application, ANSWER)) {
      Markers.create(source);
      Markers.create(target.connection());
      new ForwardPublisher(source, new Names(move.migration())).publish(move);
      target.ledger().create();
      CopyList list = new CopyList(target.connection());
      if (!list.exists()) {
        try (SchemaCopy schema = SchemaCopy.of(source, target, move, secrets)) {
          list.create();
          new CopyPlanner(source, target.connection(), smallestRange, move).plan(schema.ofTables());
        }
      }
      Totals totals = list.totals();
      int generations = new CopyGenerations(target.connection()).last();
      target.connection().commit();
      return new CopyPlan(
          generations, "%d tables, %s".formatted(totals.tables(), Size.words(totals.bytes())));
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot list what to copy", e);
    }
  }

  @Override
  public void holdSnapshot(CopyRequest request) {
    try {
      new SnapshotHolder(databases, request).hold();
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot hold snapshot " + request.generation() + " of the copy", e);
    }
  }

  @Override
  public CopyOpening openGeneration(CopyRequest request) {
    try {
      return new CopyOpener(databases, request, smallestRange).open();
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot open snapshot " + request.generation() + " of the copy", e);
    }
  }

  @Override
  public CopyShare copyPieces(CopyRequest request) {
    try {
      return new CopyJob(databases, request, pace.of(Pace.Watcher.PIECES)).run();
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot copy", e);
    }
  }

  @Override
  public Outcome finishCopy(Move move) {
    try (SchemaSession target = SchemaSession.open(databases, move, "finish-copy");
        Connection source =
            databases.open(
                move.source(), Names.applicationName(move.migration(), "finish-copy"), ANSWER);
        SchemaCopy schema = SchemaCopy.of(source, target, move, secrets)) {
      // Those of partitioned tables, which hold no rows themselves.
      schema.createKeys();
      CopyList list = new CopyList(target.connection());
      Totals totals = list.totals();
      long rows = list.rows();
      Optional<Generation> opened = new CopyGenerations(target.connection()).opened();
      target.connection().commit();
      int generations = opened.map(Generation::number).orElse(0);
      return new Outcome(
          "%,d rows in %d tables, %s, %d keys and indexes%s"
              .formatted(
                  rows,
                  totals.tables(),
                  Size.words(totals.bytes()),
                  totals.indexes(),
                  generations <= 1
                      ? ""
                      : "; %d snapshots, %s copied twice"
                          .formatted(
                              generations,
                              Size.words(opened.map(Generation::bytesAgain).orElse(0L)))));
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot end the copy", e);
    }
  }

  /** The slot with which the stream goes on from the copy; empty where there was no such copy. */
  static Optional<String> slot(Connection target) throws SQLException {
    CopyList list = new CopyList(target);
    if (!list.exists()) {
      return Optional.empty();
    }
    if (!list.isFinished()) {
      throw Failures.needsHelp(
          "Cannot subscribe: the copy is not complete",
          "let it end first; if this comes again, roll back and start again",
          null);
    }
    return new CopyGenerations(target).opened().map(Generation::slot);
  }
}
