package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.Side;
import dev.whimbrel.postgres.CopyGenerations.Generation;
import dev.whimbrel.postgres.CopyStages.Stage;
import dev.whimbrel.secrets.Secrets;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * Starts a forward stream where the copy's snapshot ends, or lets it go on. Both sessions hold the
 * stream's lock, so that an older attempt is ended before anything is done.
 */
final class StreamStart {
  private final Connection source;
  private final Connection target;
  private final Move move;
  private final Secrets secrets;

  /** The migration's own roles that could not log in. */
  private final Set<String> turnedAway = new TreeSet<>();

  private StreamStart(Connection source, Connection target, Move move, Secrets secrets) {
    this.source = source;
    this.target = target;
    this.move = move;
    this.secrets = secrets;
  }

  /**
   * Takes the lock on both sides, in autocommit mode.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} where writes go to the target
   *     already, or where no slot is to be made any more
   */
  static StreamStart of(Connection source, Connection target, Move move, Secrets secrets)
      throws SQLException {
    lock(move, source, target);
    // What is noted here is on disk before anything of it goes on the source.
    Verbatim.execute(target, "SET synchronous_commit = on");
    requireSourceIsTruth(move, source, target);
    ReleasedSlots.refuseNew(source, move.migration());
    Sharing.mustBeOurs(target, move);
    Markers.create(source, Side.SOURCE, move);
    Markers.create(target, Side.TARGET, move);
    return new StreamStart(source, target, move, secrets);
  }

  static void lock(Move move, Connection source, Connection target) throws SQLException {
    StepLock.take(source, "stream " + move.migration());
    StepLock.take(target, "stream " + move.migration());
  }

  static void requireSourceIsTruth(Move move, Connection source, Connection target)
      throws SQLException {
    boolean moved =
        Authority.require(source, move.migration(), Side.SOURCE).writable() != Side.SOURCE
            || Authority.require(target, move.migration(), Side.TARGET).writable() != Side.SOURCE;
    if (moved) {
      throw Failures.needsHelp(
          "Cannot change the forward stream: writes go to the target already",
          "roll back first",
          "whimbrel rollback " + move.migration());
    }
  }

  /**
   * The stream that stays, of everything that moves. Again is harmless.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} where the copy is not complete
   */
  Outcome begin() throws SQLException {
    if (move.shared()) {
      return beginEach();
    }
    Names names = new Names(move.migration());
    CopyStages stages = new CopyStages(target);
    Optional<Stage> missing = stages.current();
    if (missing.isPresent()) {
      throw Failures.needsHelp(
          "Cannot subscribe: the copy is not complete, %s is not live"
              .formatted(missing.get().words()),
          "a worker of an older release, which knows no stages, may have ended it: upgrade every worker, roll back and start again",
          "whimbrel rollback " + move.migration());
    }
    if (!stages.exist()) {
      return begin(names, new ForwardPublisher(source, names).publish(move));
    }
    Outcome outcome =
        begin(names, Selection.whole(move, source).onlyRowsOf(stages.tablesUpTo(stages.count())));
    new ForwardPublisher(source, names).dropMeetingSlots();
    return outcome;
  }

  /** All of the streams that share the tables, from the copy's one slot. */
  private Outcome beginEach() throws SQLException {
    int tables = new Sharing(source, move).requirePublished();
    List<Names> waiting = new ArrayList<>();
    for (Names each : Names.streams(move)) {
      ForwardSubscriber subscriber = new ForwardSubscriber(target, each);
      if (subscriber.exists()) {
        new StreamHealth(source, target, move, each).requireSlot();
        subscriber.enable();
      } else {
        waiting.add(each);
      }
    }
    Set<String> roles = new TreeSet<>();
    if (!waiting.isEmpty()) {
      Generation copied =
          PostgresCopy.end(target)
              .orElseThrow(
                  () ->
                      Failures.needsHelp(
                          "Cannot subscribe: several subscriptions share the tables from the copy's slot, and nothing was copied",
                          "let replicate.copy end first; if this comes again, roll back and start again",
                          "whimbrel rollback " + move.migration()));
      for (Names each : waiting) {
        new ForwardPublisher(source, each).copySlot(copied);
        roles.add(subscribe(each, false));
      }
    }
    // The last of them: until then an attempt that comes again copies it once more.
    new ForwardPublisher(source, Names.streams(move).get(0)).dropCopySlots();
    return new Outcome(
        waiting.isEmpty()
            ? "%d tables are subscribed already, by %d streams".formatted(tables, move.streams())
            : "%d tables subscribed by %d streams, which run as %s%s"
                .formatted(tables, move.streams(), String.join(", ", roles), turnedAwayInWords()));
  }

  /**
   * As {@link #begin()}, of a choice that was published before the copy's slot was made.
   *
   * @param names those of the stream
   * @param selection what it carries
   */
  Outcome begin(Names names, Selection selection) throws SQLException {
    return begin(names, new ForwardPublisher(source, names).requirePublished(selection));
  }

  private Outcome begin(Names names, int tables) throws SQLException {
    ForwardPublisher publisher = new ForwardPublisher(source, names);
    ForwardSubscriber subscriber = new ForwardSubscriber(target, names);
    if (subscriber.exists()) {
      new StreamHealth(source, target, move, names).requireSlot();
      subscriber.enable();
      publisher.dropCopySlots();
      return new Outcome(tables + " tables are subscribed already");
    }
    Optional<Generation> copied = PostgresCopy.end(target);
    if (copied.isPresent()) {
      publisher.copySlot(copied.get());
    } else {
      Markers.clear(target, Side.SOURCE);
      publisher.createSlot();
    }
    String role = subscribe(names, copied.isEmpty());
    publisher.dropCopySlots();
    return new Outcome(
        tables + " tables subscribed, the stream runs as " + role + turnedAwayInWords());
  }

  /** Returns the role under which the stream runs. */
  private String subscribe(Names names, boolean withData) throws SQLException {
    Optional<String> password = new StreamRole(source, names.role()).ensure();
    boolean streaming = major(source) >= 14 && major(target) >= 14;
    ForwardSubscriber.Start start = new ForwardSubscriber.Start(withData, streaming);
    String role =
        new ForwardSubscriber(target, names)
            .subscribe(move.source().reachedByPeer(), password, start, secrets);
    if (!role.equals(names.role())) {
      if (password.isPresent()) {
        turnedAway.add(names.role());
      }
      new StreamRole(source, names.role()).drop();
    }
    return role;
  }

  /** What people may mend before the next time; the stream runs all the same. */
  private String turnedAwayInWords() {
    return turnedAway.isEmpty()
        ? ""
        : "; %s could not log in: where the source's pg_hba.conf names roles one by one, each of the migration's own needs a line"
            .formatted(String.join(", ", turnedAway));
  }

  private static int major(Connection connection) throws SQLException {
    return connection.getMetaData().getDatabaseMajorVersion();
  }
}
