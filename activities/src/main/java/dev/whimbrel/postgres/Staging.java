package dev.whimbrel.postgres;

import dev.whimbrel.activity.CopyPlan;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.postgres.CopyList.Totals;
import dev.whimbrel.postgres.CopyStages.Stage;
import dev.whimbrel.secrets.Secrets;
import io.temporal.failure.ApplicationFailure;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Optional;

/**
 * Copies in stages: the list of work holds one stage, whose stream begins where its snapshot ends
 * and then joins the one of the stages before it, so that in the end there is one stream.
 */
final class Staging {
  private static final Duration ANSWER = Duration.ofSeconds(90);

  private final Secrets secrets;
  private final Databases databases;
  private final Pace pace;

  Staging(Secrets secrets, Databases databases, Pace pace) {
    this.secrets = secrets;
    this.databases = databases;
    this.pace = pace;
  }

  /**
   * Lists the stage that comes next, in the open transaction of the target. Again is harmless.
   *
   * @param smallestRange bytes of the smallest range into which a table is cut
   */
  CopyPlan prepare(Move move, Connection source, SchemaSession session, long smallestRange)
      throws SQLException {
    // Behind it, and behind the lock of the target's session, no older attempt can publish any
    // more: what it read of the stages is yesterday's.
    StepLock.take(source, "stream " + move.migration());
    Connection target = session.connection();
    CopyList list = new CopyList(target);
    CopyStages stages = new CopyStages(target);
    if (!stages.exist()) {
      requireNoList(move, list);
      list.create();
      stages.create(Stages.of(move, source).stages());
    }
    Optional<Stage> next = stages.current();
    int generations = new CopyGenerations(target).last();
    if (next.isEmpty()) {
      target.commit();
      int count = stages.count();
      return new CopyPlan(generations, "all stages are live", count + 1, count, true);
    }
    Stage stage = next.get();
    if (!stage.listed()) {
      CarriedTables carried = new CarriedTables(source, target, move, stage);
      carried.requirePublished();
      Selection selection = carried.ofStage();
      publish(move, source, target, stage, selection);
      try (SchemaCopy schema = SchemaCopy.of(source, session, move, secrets)) {
        String ofStage = PublishedTables.OF_THE_SERVICE + " AND " + selection.movesRows();
        new CopyPlanner(source, target, smallestRange, ofStage, move).plan(schema.ofTables());
      }
      stages.listed(stage, generations);
    }
    Totals totals = list.totals();
    boolean copied = list.isFinished() && stages.hasSnapshot(stage);
    target.commit();
    return new CopyPlan(
        generations,
        "%s, %d tables, %s".formatted(stage.words(), totals.tables(), Size.words(totals.bytes())),
        stage.number(),
        stage.stages(),
        copied);
  }

  /** Whoever knows no stages lists everything, and has published it. */
  private static void requireNoList(Move move, CopyList list) throws SQLException {
    if (list.exists()) {
      throw Failures.needsHelp(
          "The copy was begun by a worker of an older release, which knows no stages",
          "upgrade every worker, roll back and start again",
          "whimbrel rollback " + move.migration());
    }
  }

  /** A slot sends changes of tables that were published before it was made. */
  private static void publish(
      Move move, Connection source, Connection target, Stage stage, Selection selection)
      throws SQLException {
    Names names = stage.isFirst() ? new Names(move.migration()) : Names.ofStage(move.migration());
    if (!stage.isFirst()) {
      Markers.createOfStage(source);
      Markers.createOfStage(target);
    }
    new ForwardPublisher(source, names).publish(selection);
  }

  /** Starts the stream of the stage that is copied. Again is harmless. */
  Outcome start(Move move) {
    String application = Names.applicationName(move.migration(), "start-stage");
    try (Connection source = databases.open(move.source(), application, ANSWER);
        Connection target = databases.open(move.target(), application, ANSWER)) {
      StreamStart start = StreamStart.of(source, target, move, secrets);
      CopyStages stages = new CopyStages(target);
      Optional<Stage> current = apart(stages);
      if (current.isEmpty()) {
        return new Outcome("its stream has met the others");
      }
      Stage stage = current.get();
      endLateCopiers(move, source, target, stage);
      CarriedTables carried = new CarriedTables(source, target, move, stage);
      carried.requirePublished();
      return start.begin(CopyStages.names(move, target), carried.ofStage());
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot start the stream of what was copied", e);
    }
  }

  /** Waits until the stream of the stage that is copied has caught up. */
  Outcome follow(Move move) {
    String application = Names.applicationName(move.migration(), "follow-stage");
    try (Connection source = databases.open(move.source(), application, ANSWER);
        Connection target = databases.open(move.target(), application, ANSWER)) {
      Optional<Stage> stage = apart(new CopyStages(target));
      return stage.isEmpty()
          ? new Outcome("its stream has met the others")
          : new Outcome(
              catchUp(move, stage.get(), source, target).await(move.maxLag(), Heartbeats::beat));
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot wait for the stream of what was copied", e);
    }
  }

  /** The listed stage whose stream has not met the others; empty where there is none. */
  private static Optional<Stage> apart(CopyStages stages) throws SQLException {
    Optional<Stage> current = stages.current();
    boolean apart =
        current.isPresent()
            && current.get().listed()
            && !current.get().joined()
            && stages.meeting().isEmpty();
    return apart ? current : Optional.empty();
  }

  /**
   * Whoever still copies, or opens a snapshot, was given up: he would do it under the stream. An
   * attempt that comes late finds the next stage, and leaves it alone.
   */
  private static void endLateCopiers(Move move, Connection source, Connection target, Stage stage)
      throws SQLException {
    requireCopied(target, stage);
    StepLock.take(target, "copy " + move.migration());
    CopySessions.endAll(target, move);
    CopySessions.endAll(source, move);
    KeptSnapshot.endAll(source, move);
    requireCopied(target, stage);
  }

  private static void requireCopied(Connection target, Stage stage) throws SQLException {
    if (!new CopyStages(target).hasSnapshot(stage) || !new CopyList(target).isFinished()) {
      throw Failures.transientFailure(
          "Cannot start the stream of %s: it is not copied yet".formatted(stage.words()));
    }
  }

  private StageCatchUp catchUp(Move move, Stage stage, Connection source, Connection target) {
    return new StageCatchUp(source, target, move, stage, pace.of(Pace.Watcher.CATCH_UP));
  }

  /** Makes one stream of the stage's and the one before it. Again is harmless. */
  Outcome join(Move move) {
    String application = Names.applicationName(move.migration(), "join-stage");
    try (Connection source = databases.open(move.source(), application, ANSWER);
        Connection target = databases.open(move.target(), application, ANSWER)) {
      CopySessions.keep(source);
      CopySessions.keep(target);
      Outcome[] joined = new Outcome[1];
      JoinProgress progress = new JoinProgress();
      progress.of(source);
      progress.of(target);
      Heartbeats.during(
          progress::get, progress::abort, () -> joined[0] = join(move, source, target, progress));
      return joined[0];
    } catch (SQLException e) {
      throw new MetStreams(databases, move)
          .saidWith(SqlFailures.of("Cannot make one stream of what was copied", e));
    } catch (ApplicationFailure e) {
      throw new MetStreams(databases, move).saidWith(e);
    }
  }

  private Outcome join(Move move, Connection source, Connection target, JoinProgress progress)
      throws SQLException {
    StreamStart start = StreamStart.of(source, target, move, secrets);
    CopyStages stages = new CopyStages(target);
    Optional<Stage> current = stages.current();
    if (current.isEmpty() || !current.get().listed()) {
      return new Outcome("the stages so far are live");
    }
    Stage stage = current.get();
    endLateCopiers(move, source, target, stage);
    if (!stage.isFirst() && !stage.joined()) {
      StageCatchUp streams = catchUp(move, stage, source, target);
      new StreamMeeting(source, target, move, stage)
          .run(
              new CopySessions(databases, move),
              progress,
              limit -> streams.await(limit, progress::at));
    }
    Outcome streams =
        start.begin(
            new Names(move.migration()), new CarriedTables(source, target, move, stage).soFar());
    if (!stage.isFirst()) {
      tidy(move, source);
    }
    if (stage.number() == stage.stages()) {
      Markers.dropOfStage(source);
      Markers.dropOfStage(target);
    }
    target.setAutoCommit(false);
    new CopyGenerations(target).closeOlder();
    stages.live(stage);
    target.commit();
    return new Outcome("%s is live: %s".formatted(stage.words(), streams.line()));
  }

  /** What only the meeting needed. */
  private static void tidy(Move move, Connection source) throws SQLException {
    new ForwardPublisher(source, new Names(move.migration())).dropMeetingSlots();
    Names ofStage = Names.ofStage(move.migration());
    new ForwardPublisher(source, ofStage).dropPublication();
    new StreamRole(source, ofStage.role()).drop();
  }
}
