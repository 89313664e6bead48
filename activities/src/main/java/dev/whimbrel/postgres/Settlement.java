package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.SwitchoverRequest;
import io.temporal.failure.ApplicationFailure;
import java.sql.SQLException;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Makes one side the truth from any state. Every round begins from the top: new sessions, both
 * locks, then the authority. Nothing is remembered from the rounds before but that there were some,
 * and which sessions were theirs: a later round finishes and takes back, but begins nothing. It
 * ends what its own rounds have left behind, and waits for whoever else holds the locks, since that
 * one came later.
 */
final class Settlement {
  /** Connecting, waiting for blockers, and advancing the base slot, before the pause. */
  static final Duration APPROACH = Duration.ofMinutes(3);

  private static final Duration AGAIN = Duration.ofMillis(200);

  private static final Duration CALL = Duration.ofSeconds(5);

  private final Databases databases;
  private final SwitchoverRequest request;
  private final Followers followers;
  private final Checkpoints checkpoints;
  private final Pulse pulse;
  private final Deadline patience;
  private final EarlierRounds rounds = new EarlierRounds();

  /** A hand-over may have been committed: from now on this attempt finishes, and begins nothing. */
  private boolean begun;

  /** Nobody may be able to write: a hand-over was sent, or one was found without its opening. */
  private boolean bothMayBeClosed;

  /** The last round has seen the gaining side open, or opened it. */
  private boolean opened;

  Settlement(
      Databases databases,
      SwitchoverRequest request,
      Followers followers,
      Checkpoints checkpoints,
      Pulse pulse) {
    this.databases = databases;
    this.request = request;
    this.followers = followers;
    this.checkpoints = checkpoints;
    this.pulse = pulse;
    this.patience = new Deadline(request.patience());
  }

  /**
   * Goes on until the side is the truth, or until somebody must decide.
   *
   * @throws ApplicationFailure {@code Unfinished} instead of {@code Transient} where both sides may
   *     be closed
   */
  HandOver bring() {
    try {
      return bringOrFail();
    } catch (ApplicationFailure e) {
      if (bothMayBeClosed && Failures.TRANSIENT.equals(e.getType())) {
        throw Failures.unfinished(
            e.getOriginalMessage() + "; the hand-over was sent, so that it is finished at once");
      }
      if (bothMayBeClosed && !opened && Failures.NEEDS_HELP.equals(e.getType())) {
        throw Failures.maybeClosed(e.getDetails().get(Failures.Help.class));
      }
      throw e;
    }
  }

  private HandOver bringOrFail() {
    while (true) {
      Round round = new Round();
      try {
        HandOver end = round.run();
        if (end != null) {
          return end;
        }
        if (patience.passed()) {
          throw Failures.transientFailure(
              "Another attempt holds the locks of the switchover to the " + request.to().word());
        }
      } catch (Sessions.Unreachable e) {
        HandOver alone = withoutOther(e);
        if (alone != null) {
          return alone;
        }
      } catch (SQLException e) {
        // Before the hand-over an attempt that failed is over: the servers have taken it back.
        // After it, both sides may be closed, and only going on helps.
        begun |= round.mayBeHandedOver();
        if (!begun || patience.passed()) {
          throw SqlFailures.of("The switchover to the " + request.to().word() + " failed", e);
        }
      } finally {
        bothMayBeClosed |= round.mayBeHandedOver();
        opened = round.opened();
      }
      pulse.check();
      pulse.say(Progress.of("trying again: a server or a session went away"));
      pause();
    }
  }

  private void pause() {
    try {
      Thread.sleep(AGAIN.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw Failures.transientFailure("Interrupted");
    }
  }

  private @Nullable HandOver withoutOther(Sessions.Unreachable e) {
    try {
      return new OneSided(databases, request, e.side(), patience.passed(), followers, pulse)
          .decide();
    } catch (Sessions.Unreachable both) {
      if (patience.passed()) {
        throw SqlFailures.of("Neither database can be reached", both);
      }
      return null;
    } catch (SQLException failure) {
      throw SqlFailures.of("The switchover to the " + request.to().word() + " failed", failure);
    }
  }

  /** One attempt. */
  private final class Round {
    private @Nullable Crossing crossing;
    private @Nullable Finishing rest;
    private boolean finishing;
    private boolean foundOpen;

    /** Null where another attempt holds the locks. */
    @Nullable HandOver run() throws SQLException {
      try (Sessions sessions = open()) {
        if (!sessions.locked()) {
          return null;
        }
        checkpoints.at(Checkpoints.Point.LOCKED);
        Truth truth = closeReturned(sessions, sessions.truth());
        bothMayBeClosed = !truth.open();
        Fencing fencing = new Fencing(request);
        if (truth.side() == Side.SOURCE && request.to() == Side.SOURCE) {
          truth = fencing.refuseLateHandOvers(sessions, truth);
          Closing.endAny(sessions.on(Side.SOURCE).connection(CALL), "rolled back");
        }
        Attempt attempt = new Attempt(sessions, truth, request, followers, checkpoints, pulse);
        if (truth.side() == request.to()) {
          finishing = true;
          foundOpen = truth.open();
          Finishing left = new Finishing(attempt);
          rest = left;
          return foundOpen ? left.followOnly() : left.finish();
        }
        if (request.finishOnly() && (truth.open() || request.to() == Side.TARGET)) {
          return Fencing.nothingToFinish(truth);
        }
        fencing.mustBeExpected(truth.decisive());
        if (!truth.open()) {
          finishing = true;
          Finishing left = new Finishing(attempt);
          rest = left;
          return left.takeBack();
        }
        if (begun) {
          throw Failures.transientFailure(
              "A session ended during the switchover to the %s, and nothing was handed over: the %s is still the truth (epoch %d)"
                  .formatted(request.to().word(), truth.side().word(), truth.decisive().epoch()));
        }
        Crossing whole = new Crossing(attempt);
        crossing = whole;
        return whole.whole();
      }
    }

    private Sessions open() throws SQLException {
      return begun
          ? Sessions.openPolitely(databases, request.move(), "switchover", APPROACH, rounds)
          : Sessions.openBoth(databases, request.move(), "switchover", APPROACH, rounds);
    }

    boolean mayBeHandedOver() {
      return finishing || (crossing != null && crossing.mayBeHandedOver());
    }

    boolean opened() {
      return foundOpen
          || (crossing != null && crossing.opened())
          || (rest != null && rest.opened());
    }
  }

  /**
   * Closes a side that believes to be the truth and is not: it was away while somebody accepted its
   * loss. Before anything else is done, since applications may be writing to it.
   */
  static Truth closeReturned(Sessions sessions, Truth truth) throws SQLException {
    Side other = truth.side().other();
    Authority.Row row = truth.on(other);
    if (row.writable() != other || row.epoch() >= truth.decisive().epoch()) {
      return truth;
    }
    if (!truth.open()) {
      return truth; // Not returned: it has not heard of the hand-over because nobody opened yet.
    }
    Fence.lay(sessions.on(other).connection(Duration.ofSeconds(30)));
    sessions
        .on(other)
        .run(
            "DO $$ DECLARE t record; BEGIN "
                + FenceSql.CLOSING
                + ClosingSql.GIVE_UP
                + Authority.compareAndSet(
                    row,
                    truth.side(),
                    truth.decisive().epoch(),
                    null,
                    "closed on its return: what was written here in the meantime is not on the "
                        + truth.side().word())
                + " END $$",
            Duration.ofSeconds(30));
    return sessions.truth();
  }
}
