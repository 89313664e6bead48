package dev.whimbrel.postgres;

import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.Side;
import java.sql.SQLException;
import java.time.Duration;

/** Step 9: the gaining side is open, and applications, the stream back and the rest follow. */
final class Following {
  private static final Duration CALL = Duration.ofSeconds(5);

  private final Attempt attempt;

  Following(Attempt attempt) {
    this.attempt = attempt;
  }

  /**
   * Applications first: they are waiting, and a worker of the stream that came may take seconds to
   * leave. What they write meanwhile is kept by the way back's slot.
   *
   * @return whether there is a stream back
   */
  boolean follow() throws SQLException {
    return follow(() -> {});
  }

  /** What the losing side is told when nobody waits any more. */
  interface Late {
    void run() throws SQLException;
  }

  /** As {@link #follow()}, with something that the losing side is told before anything else is. */
  boolean follow(Late late) throws SQLException {
    Followers followers = attempt.followers();
    Opening opening = attempt.opening();
    boolean back;
    try {
      followers.ready(attempt.to());
      mustBeTheNewest();
      followers.follow(attempt.to());
      attempt.checkpoints().at(Checkpoints.Point.FOLLOWED);
    } finally {
      try {
        late.run();
      } catch (SQLException e) {
        // It goes away with its session; the stream back is worth more, and what failed before.
      }
      // Also where an application does not follow: others write already.
      back = attempt.wayBackWanted() && opening.startStream(attempt.gaining(), attempt.losing());
    }
    attempt.checkpoints().at(Checkpoints.Point.REVERSED);
    if (followers.haveLeft(attempt.from())) {
      opening.endLeftOver(attempt.losing()); // What stays meets the fence.
    }
    return back;
  }

  /**
   * Whoever has come later has ended this session, and then rests for {@link Sessions#LEASE}: until
   * then the answer to the opening is proof enough, and a round trip that clients would wait for is
   * saved. After it, the applications may be theirs to lead.
   */
  private void mustBeTheNewest() throws SQLException {
    if (!attempt.gaining().answeredWithin(Sessions.LEASE)) {
      attempt.gaining().run("SELECT 1", CALL);
    }
  }

  /** The outcome, with the time of the hand-over as the losing side tells it. */
  HandOver result(long epoch, long pause, int trips, boolean back, String how) throws SQLException {
    Side to = attempt.to();
    Authority.Row lost = attempt.sessions().row(attempt.from());
    Authority.Row gained = attempt.sessions().row(to);
    boolean handedOver = lost.moved() || gained.moved();
    return new HandOver(
        to,
        epoch,
        handedOver ? lost.changedAt() : null,
        pause,
        trips,
        handedOver,
        back,
        "writes go to the %s (%s), epoch %d%s%s%s"
            .formatted(
                to.word(),
                how,
                epoch,
                pause > 0 ? ", %d ms write pause, %d round trips".formatted(pause, trips) : "",
                to == Side.TARGET && !back ? "; THERE IS NO WAY BACK" : "",
                LargeObjectFence.staysTaken(attempt.gaining().connection(CALL))
                    ? "; NOBODY CAN WRITE LARGE OBJECTS THERE: see whimbrel.large_object_function"
                    : ""));
  }
}
