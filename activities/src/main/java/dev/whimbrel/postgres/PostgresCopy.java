package dev.whimbrel.postgres;

import dev.whimbrel.activity.Copy;
import dev.whimbrel.activity.CopyOpening;
import dev.whimbrel.activity.CopyPlan;
import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.activity.CopyShare;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.Side;
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
  private final Staging staging;
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
    this.staging = new Staging(secrets, databases, pace);
    this.smallestRange = smallestRange;
  }

  @Override
  public CopyPlan prepareCopy(Move move) {
    String application = Names.applicationName(move.migration(), "prepare-copy");
    try (SchemaSession target = SchemaSession.open(databases, move, "prepare-copy");
        Connection source = databases.open(move.source(), application, ANSWER)) {
      if (move.shared()) {
        // Who wakes up late would share the tables anew, and not as the slot has them.
        StepLock.take(source, "stream " + move.migration());
      }
      Markers.create(source, Side.SOURCE, move);
      Markers.create(target.connection(), Side.TARGET, move);
      Sharing.mustBeOurs(target.connection(), move);
      if (move.staged()) {
        target.ledger().create();
        return staging.prepare(move, source, target, smallestRange);
      }
      if (move.shared()) {
        new Sharing(source, move).publish();
      } else if (!move.offline()) {
        new ForwardPublisher(source, new Names(move.migration())).publish(move);
      }
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
    keepGeneration(request);
  }

  @Override
  public void keepGeneration(CopyRequest request) {
    new SnapshotHolder(databases, request).hold();
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
  public Outcome startStage(Move move) {
    return staging.start(move);
  }

  @Override
  public Outcome followStage(Move move) {
    return staging.follow(move);
  }

  @Override
  public Outcome joinStage(Move move) {
    return staging.join(move);
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
      KeptSnapshot.endAll(source, move);
      Outcome copied = move.staged() ? staged(target.connection()) : copied(target.connection());
      target.connection().commit();
      return copied;
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot end the copy", e);
    }
  }

  private static Outcome copied(Connection target) throws SQLException {
    CopyList list = new CopyList(target);
    Optional<Generation> opened = new CopyGenerations(target).opened();
    int generations = opened.map(Generation::number).orElse(0);
    return new Outcome(words(list.totals()) + again(generations, 1, opened, target));
  }

  private static Outcome staged(Connection target) throws SQLException {
    CopyStages stages = new CopyStages(target);
    CopyGenerations generations = new CopyGenerations(target);
    int count = stages.count();
    int snapshots = generations.snapshots();
    return new Outcome(
        words(stages.totals(new CopyList(target).totals()))
            + (count == 1 ? "" : " in %d stages".formatted(count))
            + again(snapshots, count, generations.opened(), target));
  }

  private static String words(Totals totals) {
    return "%,d rows in %d tables, %s, %d keys and indexes"
        .formatted(totals.rows(), totals.tables(), Size.words(totals.bytes()), totals.indexes());
  }

  /** What deaths and failures have cost, in words behind a semicolon. */
  private static String again(
      int snapshots, int needed, Optional<Generation> opened, Connection target)
      throws SQLException {
    long bytes = opened.map(Generation::bytesAgain).orElse(0L) + SentPieces.again(target);
    return (snapshots <= needed && bytes == 0 ? "" : "; ")
        + (snapshots <= needed ? "" : snapshots + " snapshots, ")
        + (snapshots <= needed && bytes == 0 ? "" : Size.words(bytes) + " copied twice");
  }

  /** Where the stream goes on from the copy; empty where there was no such copy. */
  static Optional<Generation> end(Connection target) throws SQLException {
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
    return new CopyGenerations(target).opened();
  }
}
