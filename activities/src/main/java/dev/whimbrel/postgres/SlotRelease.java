package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Drops the migration's slots on the side that takes the writes, so that its disk does not fill.
 * Leaves a switchover alone that is at work; whoever is about to make a slot ends here.
 */
final class SlotRelease {
  private static final Logger LOG = LoggerFactory.getLogger(SlotRelease.class);
  private static final Duration CALL = Duration.ofSeconds(10);
  private static final Duration LONG = Duration.ofMinutes(5);

  /**
   * A watch holds the lock for some seconds of each round, or longer, while it brings large
   * objects.
   */
  private static final Duration PATIENCE = Duration.ofSeconds(15);

  private static final Duration AGAIN = Duration.ofMillis(200);

  private final Databases databases;
  private final Move move;
  private final Names names;
  private final Side side;
  private final Pulse pulse;

  SlotRelease(Databases databases, Move move, Side side, Pulse pulse) {
    this.databases = databases;
    this.move = move;
    this.names = new Names(move.migration());
    this.side = side;
    this.pulse = pulse;
  }

  /**
   * Drops them where the limit is still reached. Again is harmless.
   *
   * @param limit what they may keep; 0 to end what an earlier attempt has begun
   * @param why is left as a note
   * @return whether they are gone; false where a switchover is at work, or where nothing is to be
   *     dropped any more
   */
  boolean run(long limit, String why) throws SQLException {
    Deadline patience = new Deadline(PATIENCE);
    boolean ended = false;
    while (true) {
      try (Sessions sessions =
          Sessions.openPolitely(databases, move, "release-slots", LONG, side)) {
        if (sessions.locked()) {
          pulse.mustNotHaveFrozen();
          return release(sessions.on(side), limit, why);
        }
        if (patience.passed() && !ended) {
          endWatches(sessions.on(side));
          ended = true;
          patience = new Deadline(PATIENCE);
        }
      }
      if (patience.passed()) {
        return false;
      }
      pulse.rest(AGAIN);
    }
  }

  /** They come again; the disk does not wait for a pass of theirs. */
  private void endWatches(Session here) throws SQLException {
    here.run(
        "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
            + " WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted AND l.classid::bigint = %d AND l.objid::bigint = %d"
                .formatted(Sessions.KEY >>> 32, Sessions.KEY & 0xFFFF_FFFFL)
            + " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND a.application_name IN (left(%s, 63), left(%s, 63))"
                .formatted(
                    Quoting.literal(Names.applicationName(move.migration(), BaseSlot.KEEPING)),
                    Quoting.literal(Names.applicationName(move.migration(), WayBackWatch.LOOKING))),
        CALL);
  }

  private boolean release(Session here, long limit, String why) throws SQLException {
    Connection connection = here.connection(CALL);
    boolean takesWrites =
        Authority.read(connection)
            .filter(row -> row.migration().equals(move.migration()) && row.writable() == side)
            .isPresent();
    if (!takesWrites || SideWal.kept(connection, move).bytes() < limit) {
      return false;
    }
    LOG.warn("{}: dropping the slots on the {}: {}", move.migration(), side.word(), why);
    note(here, why);
    drop(here, "NOT active");
    if (side == Side.TARGET || !slots(here, "true").isEmpty()) {
      quietTheOtherSide();
      drop(here, "true");
    }
    if (side == Side.SOURCE) {
      endWhoeverMakesOne(here.connection(LONG));
      drop(here, "true");
    }
    return true;
  }

  /** Also without the note: a disk that has no room for it has none for the log either. */
  private void note(Session here, String why) throws SQLException {
    try {
      here.run(ReleasedSlots.noteSql(why), CALL);
    } catch (SQLException e) {
      LOG.warn("{}: dropped without a note ({})", move.migration(), e.getSQLState());
      here.run("ROLLBACK", CALL);
    }
  }

  private void drop(Session here, String which) throws SQLException {
    for (String slot : slots(here, which)) {
      WayBack.dropSlot(here, slot);
    }
  }

  private List<String> slots(Session here, String which) throws SQLException {
    List<String> slots = new ArrayList<>();
    for (List<@Nullable String> row :
        here.rows(
                "SELECT slot_name FROM pg_replication_slots WHERE slot_name ~ %s AND %s"
                    .formatted(Quoting.literal(names.ownSlots()), which),
                CALL)
            .get(0)) {
      slots.add(Objects.requireNonNull(row.get(0)));
    }
    return slots;
  }

  /**
   * Lets go of a slot in use where our rights do not reach its user's process. The other side may
   * be what is away; then nobody uses the slot for long.
   */
  private void quietTheOtherSide() {
    Side other = side.other();
    Session.Place place =
        new Session.Place(
            other, move.on(other), Names.applicationName(move.migration(), "release-slots"));
    try (Session there = Session.open(databases, place, new RoundTrips())) {
      if (side == Side.TARGET) {
        WayBack.dropSubscription(there, names.reverseSubscription());
      } else {
        List<Names> streams =
            new ArrayList<>(ForwardStreams.onTarget(there.connection(CALL), move.migration()));
        streams.add(Names.ofStage(move.migration()));
        for (Names each : streams) {
          if (new ForwardSubscriber(there.connection(CALL), each).exists()) {
            there.run(
                "ALTER SUBSCRIPTION " + Quoting.identifier(each.forwardSubscription()) + " DISABLE",
                CALL);
          }
        }
      }
    } catch (SQLException e) {
      LOG.warn(
          "{}: the subscription on the {} stays as it is ({})",
          move.migration(),
          other.word(),
          e.getSQLState());
    }
  }

  private void endWhoeverMakesOne(Connection source) throws SQLException {
    for (String step : List.of("snapshot ", "slot ", "stream ")) {
      StepLock.take(source, step + move.migration());
    }
  }
}
