package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * Removes the forward stream. The subscription is let go of its slot first, so that it can be
 * dropped while the source is away; what is on the source follows when it is back.
 */
final class ForwardRemoval {
  private static final Duration ANSWER = Duration.ofSeconds(60);

  private final Databases databases;
  private final Move move;
  private final Names names;
  private final Names ofStage;

  ForwardRemoval(Databases databases, Move move) {
    this.databases = databases;
    this.move = move;
    this.names = new Names(move.migration());
    this.ofStage = Names.ofStage(move.migration());
  }

  /**
   * Removes what is left. Again is harmless.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code Transient} while a side is away; whatever
   *     is on the other one is gone by then
   */
  Outcome run() {
    String application = Names.applicationName(move.migration(), "unsubscribe");
    String system;
    List<String> subscriptions;
    try (Connection target = databases.open(move.target(), application, ANSWER)) {
      StepLock.take(target, "stream " + move.migration());
      ForwardSubscriber subscriber = new ForwardSubscriber(target, names);
      endCopy(target);
      for (Names each : ForwardStreams.onTarget(target, move.migration())) {
        new ForwardSubscriber(target, each).drop();
      }
      new ForwardSubscriber(target, ofStage).drop();
      system = ForwardSubscriber.system(target);
      subscriptions = subscriber.all();
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot remove the forward stream from the target", e);
    }
    try (Connection source = databases.open(move.source(), application, ANSWER)) {
      StepLock.take(source, "stream " + move.migration());
      ForwardPublisher publisher = new ForwardPublisher(source, names);
      // Whoever holds a snapshot, or is about to create the slot of one, ends here.
      StepLock.take(source, "snapshot " + move.migration());
      StepLock.take(source, "slot " + move.migration());
      CopySessions.endAll(source, move);
      KeptSnapshot.endAll(source, move);
      publisher.dropOrphans(system, subscriptions);
      List<Names> streams = ForwardStreams.onSource(source, move);
      for (Names each : streams) {
        publisher.dropSlot(each.forwardSubscription());
      }
      publisher.dropSlot(ofStage.forwardSubscription());
      publisher.dropMeetingSlots();
      publisher.dropCopySlots();
      List<String> staying = new ArrayList<>();
      for (Names each : streams) {
        new ForwardPublisher(source, each).dropPublication();
      }
      new ForwardPublisher(source, ofStage).dropPublication();
      new StreamRole(source, ofStage.role()).drop();
      for (Names each : streams) {
        if (!new StreamRole(source, each.role()).drop()) {
          staying.add(each.role());
        }
      }
      return new Outcome(
          "the forward stream is removed"
              + (staying.isEmpty()
                  ? ""
                  : "; role " + String.join(", ", staying) + " is still in use and stays"));
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot remove the forward stream from the source", e);
    }
  }

  /** Whoever still copies was given up by the engine; without the list nobody can go on. */
  private void endCopy(Connection target) throws SQLException {
    StepLock.take(target, "copy " + move.migration());
    StepLock.take(target, "snapshot " + move.migration());
    CopySessions.endAll(target, move);
    CopySessions.endBuilds(target, move);
    boolean claimed =
        Authority.read(target).filter(row -> row.migration().equals(move.migration())).isPresent();
    if (claimed) {
      new CopyList(target).drop();
    }
  }
}
