package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.PreflightReport.DatabaseUser;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.SoakReport;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * Waits until lag has stayed under the limit for a time, under real writes, and sees meanwhile who
 * uses the source. Goes on from the last heartbeat of an attempt that died.
 */
final class Soak {
  /** Seldom enough for a catalog of many thousand tables. */
  private static final Duration BETWEEN_CATALOG_LOOKS = Duration.ofSeconds(15);

  private final Move move;
  private final Duration hold;
  private final Connection source;
  private final List<String> slots;
  private final StreamHealth health;
  private final Lag lag;
  private final SoakClock clock;
  private final UserSampling sampling;
  private final SeenUsers users = new SeenUsers();
  private final Duration between;
  private Duration longest = Duration.ZERO;
  private Instant catalogLook = Instant.MIN;
  private long writes;
  private Selection selection = Selection.EVERYTHING;
  private long looks;

  Soak(
      Move move,
      Duration hold,
      Connection source,
      Connection target,
      Databases databases,
      Pace pace) {
    this.move = move;
    this.hold = hold;
    this.source = source;
    this.slots = Stream.leaving(Side.SOURCE, move).slots();
    this.health = new StreamHealth(source, target, move);
    this.lag = new Lag(source, target, "soak");
    this.between = pace.of(Pace.Watcher.SOAK);
    this.sampling = new UserSampling(new Look(move, source, target), databases, new Findings());
    Optional<Progress> last = Heartbeats.last();
    last.map(Progress::users).ifPresent(seen -> seen.forEach(users::add));
    this.clock =
        last.map(p -> new SoakClock(move.maxLag(), p.heldSince(), p.lastLooked()))
            .orElseGet(() -> new SoakClock(move.maxLag(), null, null));
  }

  SoakReport run() throws SQLException {
    selection = Selection.of(move, source);
    writes = Lag.writes(source, selection);
    while (clock.held().compareTo(hold) < 0) {
      Heartbeats.beat(look());
      health.look();
      rest(hold.minus(clock.held()));
    }
    sampling.statements(users);
    List<DatabaseUser> seen = users.all();
    return new SoakReport(
        "lag stayed under %d ms for %d s, longest %d ms; %d users of the source seen%s"
            .formatted(
                move.maxLag().toMillis(),
                hold.toSeconds(),
                longest.toMillis(),
                seen.size(),
                seen.size() == SeenUsers.MOST ? ", or more" : ""),
        seen);
  }

  private Progress look() throws SQLException {
    if (Duration.between(catalogLook, Instant.now()).compareTo(BETWEEN_CATALOG_LOOKS) > 0) {
      health.requireAllTables();
      sampling.statements(users);
      catalogLook = Instant.now();
      long before = Lag.writes(source, selection) - writes;
      selection = Selection.of(move, source);
      writes = Lag.writes(source, selection) - before;
    }
    sampling.sessions(users);
    Duration now = lag.look();
    long writesNow = Lag.writes(source, selection);
    clock.look(Instant.now(), now, writesNow != writes);
    writes = writesNow;
    longest = now.compareTo(longest) > 0 ? now : longest;
    looks++;
    return new Progress(
            "held for %d s of %d s, lag %d ms%s"
                .formatted(
                    clock.held().toSeconds(), hold.toSeconds(), now.toMillis(), clock.remark()),
            clock.held().toSeconds(),
            hold.toSeconds(),
            now.toMillis(),
            Lag.bytes(source, slots),
            null,
            clock.heldSince(),
            clock.lastLooked())
        .after(looks)
        .having(users.all());
  }

  private void rest(Duration left) {
    boolean soon = !left.isNegative() && left.compareTo(between) < 0;
    Pause.of(soon ? left.plusMillis(10) : between);
  }
}
