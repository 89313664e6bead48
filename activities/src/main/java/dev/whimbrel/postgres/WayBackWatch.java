package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.Side;
import io.temporal.failure.ApplicationFailure;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Watches the stream from the target back to the source while a rollback is on offer: its lag, the
 * writes at risk, and that a side which comes back is closed.
 */
final class WayBackWatch {
  private static final Logger LOG = LoggerFactory.getLogger(WayBackWatch.class);
  private static final Duration CALL = Duration.ofSeconds(10);
  private static final Duration CLOSE = Duration.ofSeconds(30);
  private static final Duration MARKER = Duration.ofSeconds(5);

  /** The opening has long been on disk: nobody needs the stream that came any more. */
  private static final Duration OPEN_FOR = Duration.ofSeconds(60);

  /** What its sessions are called. */
  static final String LOOKING = "watch-way-back";

  private static final Duration BETWEEN_SEQUENCES = Duration.ofSeconds(10);

  private final Databases databases;
  private final Move move;
  private final Names names;
  private final Set<String> closedLate = new LinkedHashSet<>();
  private final Duration every;
  private final KeepingUp objects;
  private Deadline sequences = new Deadline(Duration.ZERO);
  private boolean taken;
  private @Nullable String obstacle;
  private long looks;

  WayBackWatch(Databases databases, Move move, Pace pace) {
    this.databases = databases;
    this.move = move;
    this.every = pace.of(Pace.Watcher.WAY_BACK);
    this.names = new Names(move.migration());
    this.objects = new KeepingUp(move.migration());
  }

  /** Never returns by itself. */
  void watch(Pulse pulse) {
    Deadline broken = new Deadline(Duration.ofMinutes(2));
    while (true) {
      try {
        Progress seen = lookOrKnowItLost(EarlyLargeObjects.saying(pulse, this::withObstacle));
        looks++;
        pulse.say(seen.after(looks));
        broken = new Deadline(Duration.ofMinutes(2));
      } catch (ApplicationFailure e) {
        if (!Failures.TRANSIENT.equals(e.getType()) || broken.passed()) {
          throw e;
        }
        pulse.say(
            Progress.of("the way back cannot be looked at: " + e.getOriginalMessage())
                .stopping(obstacle));
      } catch (SQLException e) {
        if (broken.passed()) {
          throw Failures.needsHelp(
              "The way back cannot be watched: " + SqlFailures.of("look", e).getMessage(),
              "mend the connection to both databases, then retry",
              "whimbrel retry " + move.migration());
        }
        pulse.say(
            Progress.of("the way back cannot be looked at (" + e.getSQLState() + ")")
                .stopping(obstacle));
      }
      pulse.rest(every);
    }
  }

  /** A source that a person gave up may stay away for as long as it likes. */
  private Progress lookOrKnowItLost(LargeObjectPass.Step objects) throws SQLException {
    try {
      return look(objects);
    } catch (Sessions.Unreachable e) {
      if (e.side() != Side.SOURCE) {
        throw e;
      }
      return LostSource.accepted(databases, move)
          .map(note -> Progress.of("the source is gone (" + note + ")"))
          .orElseThrow(() -> e);
    }
  }

  /** As {@link #look(LargeObjectPass.Step)}, with nobody to tell. */
  Progress look() throws SQLException {
    return look(rows -> {});
  }

  /**
   * One look.
   *
   * @param step told while large objects are brought
   */
  Progress look(LargeObjectPass.Step step) throws SQLException {
    try (Sessions sessions =
        Sessions.openPolitely(databases, move, LOOKING, Duration.ofMinutes(1))) {
      if (!sessions.locked()) {
        return Progress.of("a switchover is at work").stopping(obstacle);
      }
      Truth truth = Settlement.closeReturned(sessions, sessions.truth());
      if (truth.side() != Side.TARGET || !truth.open()) {
        return Progress.of("writes go to the " + truth.side().word() + ": nothing to go back from");
      }
      Session source = sessions.on(Side.SOURCE);
      Session target = sessions.on(Side.TARGET);
      closeNewTables(source);
      if (!taken) {
        // A worker of before may have closed it, who knew of no large objects.
        LargeObjectFence.takeNow(source, CALL);
        taken = true;
      }
      if (LostSource.acceptedOn(truth.on(Side.TARGET)).isPresent()) {
        return Progress.of("the source has come back after its loss was accepted, and is closed");
      }
      if (!truth.on(Side.TARGET).canGoBack()) {
        return Progress.of("there is no way back to watch");
      }
      mustRun(source, target);
      if (sequences.passed()) {
        sequences = new Deadline(BETWEEN_SEQUENCES);
        carrySequences(source, target);
        dropForward(source, target);
        obstacle = obstacle(source, target);
      }
      UUID marker = Markers.write(target.connection(CALL), Side.TARGET, "watch");
      Deadline travel = new Deadline(MARKER);
      boolean arrived = Markers.await(source.connection(MARKER), Side.TARGET, marker, MARKER);
      long millis = travel.elapsed().toMillis();
      long bytes =
          Long.parseLong(
              Objects.requireNonNullElse(
                  target.value(
                      "SELECT greatest(0, pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn))::bigint FROM pg_replication_slots WHERE slot_name = "
                          + Quoting.literal(names.liveSlot()),
                      CALL),
                  "0"));
      String objectsArrived = LastLargeObjects.arrived("; large objects as of ", source);
      // What people left on the source by hand is theirs to copy first.
      if (objects.isDue() && !LastLargeObjects.openedByHand(target)) {
        bringObjects(sessions, step);
      }
      return new Progress(
              (arrived
                      ? "the way back runs, %d ms behind".formatted(millis)
                      : "the way back is more than %d s behind".formatted(MARKER.toSeconds()))
                  + objectsArrived
                  + warning(),
              null,
              null,
              millis,
              bytes,
              arrived ? 0L : Progress.NOT_KNOWN,
              null,
              Instant.now().toString())
          .stopping(obstacle);
    }
  }

  private Progress withObstacle(Progress progress) {
    return progress.stopping(obstacle);
  }

  /** Behind everything else: the sessions are of no use after it where it fails. */
  private void bringObjects(Sessions sessions, LargeObjectPass.Step step) {
    try {
      objects.bring(sessions, Side.TARGET, this::withObstacle, step);
    } catch (SQLException e) {
      LOG.warn(
          "{}: large objects could not be brought to the source now ({}): a rollback would have more to do",
          move.migration(),
          e.getSQLState());
    }
  }

  /** Where the rights allow no event trigger, a table that was made here took writes until now. */
  private void closeNewTables(Session source) throws SQLException {
    List<String> open = Fence.notClosed(source.connection(CALL));
    if (open.isEmpty()) {
      return;
    }
    Fence.install(source.connection(CLOSE));
    Fence.close(source.connection(CLOSE));
    closedLate.addAll(open);
    LOG.warn(
        "{}: {} on the source, which is closed, took writes until now: made after the hand-over, or opened by hand. It is closed; its rows are not on the target",
        move.migration(),
        String.join(", ", open));
  }

  private String warning() {
    return (obstacle == null ? "" : "; A ROLLBACK WOULD PARK: " + obstacle)
        + (closedLate.isEmpty()
            ? ""
            : "; CLOSED LATE on the source: %s, whose rows are not on the target"
                .formatted(String.join(", ", closedLate)));
  }

  /** What a rollback would ask and be refused for: people deploy in the window. */
  private @Nullable String obstacle(Session source, Session target) throws SQLException {
    Connection losing = target.connection(CALL);
    Connection gaining = source.connection(CALL);
    Stream back = Stream.leaving(Side.TARGET, move);
    Stream.Lane lane = back.lanes().get(0);
    List<String> found = new ArrayList<>(Structure.missing(losing, gaining, Selection.EVERYTHING));
    LeftOut left = LeftOut.of(losing, gaining, back, move);
    for (String table : left.tables()) {
      found.add("table %s in %s".formatted(table, left.where()));
    }
    if (!found.isEmpty()) {
      return "the source lacks " + Structure.line(found);
    }
    List<String> changed =
        Structure.changedSinceRehearsal(losing, gaining, lane.publication(), lane.subscription());
    if (!changed.isEmpty()) {
      return "tables were changed: " + Structure.line(changed);
    }
    try {
      SequencePairing.check(
          move.migration(),
          Side.TARGET,
          target.rows(Sequences.LIST, CALL).get(0),
          source.rows(Sequences.LIST, CALL).get(0));
    } catch (ApplicationFailure e) {
      return e.getOriginalMessage();
    }
    String objects = EarlyLargeObjects.obstacle(target, source);
    if (objects != null) {
      return objects;
    }
    List<String> unfenced = Fence.installInPassing(losing);
    return unfenced.isEmpty()
        ? null
        : "no fence could be put on %s of the target yet".formatted(Structure.line(unfenced));
  }

  private void mustRun(Session source, Session target) throws SQLException {
    List<List<@Nullable String>> slot =
        target
            .rows(
                "SELECT wal_status FROM pg_replication_slots WHERE slot_name = "
                    + Quoting.literal(names.liveSlot()),
                CALL)
            .get(0);
    List<List<@Nullable String>> subscription =
        source
            .rows(
                "SELECT subenabled FROM pg_subscription WHERE subname = %s AND subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
                    .formatted(Quoting.literal(names.reverseSubscription())),
                CALL)
            .get(0);
    String why =
        slot.isEmpty()
            ? "slot " + names.liveSlot() + " is gone from the target"
            : "lost".equals(slot.get(0).get(0))
                ? "slot " + names.liveSlot() + " on the target has lost its WAL"
                : subscription.isEmpty()
                    ? "subscription " + names.reverseSubscription() + " is gone from the source"
                    : "f".equals(subscription.get(0).get(0))
                        ? "subscription " + names.reverseSubscription() + " is disabled"
                        : null;
    if (why != null) {
      throw Failures.needsHelp(
          "THE WAY BACK IS BROKEN: " + why,
          "a rollback would lose what was written on the target since; decide whether to go on without one",
          "whimbrel status " + move.migration());
    }
  }

  private static void carrySequences(Session source, Session target) throws SQLException {
    List<List<@Nullable String>> read =
        target.rows(Sequences.read(target.rows(Sequences.LIST, CALL).get(0)), CALL).get(0);
    source.run(Sequences.carry(read, Sequences.MARGIN), CALL);
  }

  private void dropForward(Session source, Session target) throws SQLException {
    if (target.value(
            "SELECT 1 FROM whimbrel.authority WHERE changed_at < clock_timestamp() - interval '%d seconds'"
                .formatted(OPEN_FOR.toSeconds()),
            CALL)
        == null) {
      return;
    }
    ForwardStreams.unsubscribe(target, move.migration());
    for (Names each : ForwardStreams.onSource(source.connection(CALL), move)) {
      WayBack.dropSlot(source, each.forwardSubscription());
    }
    // The way back was copied from it; from now on it would keep the log of the whole window.
    WayBack.dropSlot(target, names.baseSlot());
  }
}
