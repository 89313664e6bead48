package dev.whimbrel.postgres;

import dev.whimbrel.activity.CloneCompletion;
import dev.whimbrel.activity.CloneLook;
import dev.whimbrel.activity.CloneReport;
import dev.whimbrel.activity.CloneVerification;
import dev.whimbrel.activity.Cloning;
import dev.whimbrel.activity.CopyOpening;
import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.secrets.Secrets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** Clones between two servers. Rows and indexes are {@link PostgresCopy}'s. */
public final class PostgresCloning implements Cloning {
  private static final Duration ANSWER = Duration.ofSeconds(60);

  private final Secrets secrets;
  private final Databases databases;
  private final long smallestRange;
  private final Duration patience;

  /** Clones whose connections use these secrets. */
  public PostgresCloning(Secrets secrets) {
    this(secrets, CopyPlanner.SMALLEST_RANGE, KeptSnapshot.PATIENCE);
  }

  /**
   * Clones that cut tables into ranges of so many bytes, or larger ones.
   *
   * @param patience how long the source keeps a snapshot that nobody needs
   */
  PostgresCloning(Secrets secrets, long smallestRange, Duration patience) {
    this.secrets = secrets;
    this.databases = new Databases(secrets);
    this.smallestRange = smallestRange;
    this.patience = patience;
  }

  @Override
  public CloneLook lookBeforeCloning(Move move) {
    String name = Names.applicationName(move.migration(), "look");
    try (Connection source = databases.open(move.source(), name, ANSWER);
        Connection target = databases.open(move.target(), name, ANSWER)) {
      return new ClonePreflight(new Look(move, source, target)).run();
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot look at the databases", e);
    }
  }

  @Override
  public Outcome claimForClone(Move move) {
    try {
      new CloneTarget(databases, move).claim();
      return new Outcome("the target is claimed");
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot claim the target", e);
    }
  }

  @Override
  public Outcome keepSnapshot(CopyRequest request) {
    try {
      return new Outcome(new CloneSnapshot(databases, request, patience).keep());
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot keep snapshot " + request.generation(), e);
    }
  }

  @Override
  public CopyOpening openClone(CopyRequest request) {
    try {
      return new CloneOpener(databases, secrets, request, smallestRange).open();
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot begin the clone", e);
    } catch (Snapshots.Gone e) {
      throw Failures.transientFailure("Cannot begin the clone: " + e.why());
    }
  }

  @Override
  public CloneCompletion completeClone(CopyRequest request) {
    Move move = request.move();
    try (SchemaSession target = SchemaSession.open(databases, move, "complete-clone");
        Connection source = seeing(target, request)) {
      requireRows(target);
      int created = CloneLater.createAll(target);
      ForeignKeys.validate(source, target.connection(), databases, move);
      int views = MaterializedViews.refresh(source, target.connection());
      Selection selection = Selection.of(move, source);
      int sequences = SequencePass.carryExactly(source, target.connection(), selection);
      target.connection().commit();
      List<String> leftOut = new ArrayList<>();
      for (String gone : SequencePass.gone(source, selection)) {
        leftOut.add(
            "value of sequence %s: gone from the source since the snapshot; it begins anew, so raise it with setval before the first INSERT"
                .formatted(gone));
      }
      add(leftOut, "a setting that the rights do not allow", Settings.carry(source, target));
      Memberships.Left memberships = Memberships.left(source, target);
      add(leftOut, "a membership that the rights do not allow", memberships.refused());
      add(leftOut, "a membership that is left to you", memberships.withheld());
      Settings.Left settings = Settings.left(source, target);
      add(leftOut, "a setting that is left to you", settings.withheld());
      add(leftOut, "a setting, since the target's database has one of its own", settings.staying());
      DatabaseRights.Carried rights = DatabaseRights.carry(source, target);
      add(
          leftOut,
          "a right that the source has taken away, and the target has not",
          rights.notTaken());
      add(leftOut, "a right on the database that the rights do not allow", rights.refused());
      return new CloneCompletion(
          "%d foreign keys, triggers and grants, %d materialized views, %d sequences%s"
              .formatted(created, views, sequences, rights.words()),
          leftOut);
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot complete the clone", e);
    }
  }

  private static void add(List<String> leftOut, String what, List<String> statements) {
    statements.forEach(each -> leftOut.add(what + ": " + each));
  }

  /** Triggers and foreign keys come behind the rows, or they would be at work on them. */
  private static void requireRows(SchemaSession target) throws SQLException {
    if (!new CopyList(target.connection()).isFinished()) {
      throw Failures.transientFailure("Cannot complete the clone: it is not copied yet");
    }
    target.connection().commit();
  }

  /** The source as the snapshot shows it, or as it is now where the snapshot is lost. */
  private Connection seeing(SchemaSession target, CopyRequest request) throws SQLException {
    Move move = request.move();
    String name = Names.applicationName(move.migration(), "complete-clone");
    Connection source = new CopySessions(databases, move).holder(name);
    try {
      new CopyGenerations(target.connection()).enter(source, request.generation());
      return source;
    } catch (Snapshots.Gone e) {
      return source;
    } catch (SQLException e) {
      source.close();
      throw e;
    }
  }

  @Override
  public VerificationReport verifyClone(CloneVerification verification) {
    CopyRequest request = verification.request();
    try {
      SnapshotSides sides = new SnapshotSides(databases, request);
      Set<String> before = sides.changed();
      VerificationReport report =
          new Comparison(sides, verification.hash(), Breath.NONE, Cuts.USUAL, request.move().jobs())
              .run(Heartbeats::beat);
      if (!sides.changed().equals(before)) {
        throw Failures.transientFailure(
            "A table of the source was truncated, rewritten or replaced while it was compared");
      }
      return report;
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot compare the clone with its snapshot", e);
    }
  }

  @Override
  public CloneReport reportClone(CopyRequest request) {
    Move move = request.move();
    String name = Names.applicationName(move.migration(), "report");
    try (Connection target = databases.open(move.target(), name, ANSWER);
        Connection source = databases.open(move.source(), name, ANSWER)) {
      CloneTarget.requireClaim(target, move);
      List<String> leftOut = new ArrayList<>(LeftOutOfClone.of(move, source));
      for (String entry : new Ledger(target, move.migration()).done()) {
        if (entry.startsWith(Roles.LABEL)) {
          leftOut.add(entry + ": created on the target, without a password and without SUPERUSER");
        }
      }
      CopyList.Totals totals = new CopyList(target).totals();
      CopyGenerations.Taken taken = new CopyGenerations(target).taken(request.generation());
      return new CloneReport(
          totals.tables(),
          totals.rows(),
          totals.bytes(),
          totals.indexes(),
          taken.snapshot(),
          taken.at(),
          taken.lsn(),
          request.generation(),
          CloneOpener.bytesAgain(target) + SentPieces.again(target),
          leftOut.stream().sorted().toList());
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot say what the clone holds", e);
    }
  }

  @Override
  public Outcome releaseClone(Move move) {
    try {
      String line = new CloneTarget(databases, move).release();
      endOnSource(move);
      return new Outcome(line);
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot let go of the target", e);
    }
  }

  @Override
  public Outcome dropClone(Move move) {
    try {
      String line = new CloneTarget(databases, move).drop();
      endOnSource(move);
      return new Outcome(line);
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot drop what the clone brought", e);
    }
  }

  /** Where the source cannot be reached for good, it lets go of the snapshot by itself. */
  private void endOnSource(Move move) {
    String name = Names.applicationName(move.migration(), "let-go-of-source");
    try (Connection source = databases.open(move.source(), name, ANSWER)) {
      CopySessions.endEverybody(source, move);
    } catch (SQLException e) {
      throw SqlFailures.of(
          "The source could not be asked to let go of the snapshot, and does so by itself within %d min; sooner by: SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'whimbrel %s snapshot %%';"
              .formatted(patience.toMinutes(), move.migration()),
          e);
    }
  }
}
