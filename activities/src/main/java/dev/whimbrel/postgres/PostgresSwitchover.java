package dev.whimbrel.postgres;

import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.Readiness;
import dev.whimbrel.activity.Switchover;
import dev.whimbrel.activity.SwitchoverRequest;
import dev.whimbrel.secrets.Secrets;
import java.sql.SQLException;

/** The switchover on two PostgreSQL servers, 13 to 18. */
public final class PostgresSwitchover implements Switchover {
  private final Secrets secrets;
  private final Databases databases;
  private final Checkpoints checkpoints;
  private final Pace pace;

  /** A switchover with the usual intervals between two looks. */
  public PostgresSwitchover(Secrets secrets) {
    this(secrets, Checkpoints.NONE, Pace.USUAL);
  }

  /** A switchover whose watchers look as often as {@code pace} says. */
  public PostgresSwitchover(Secrets secrets, Pace pace) {
    this(secrets, Checkpoints.NONE, pace);
  }

  /** A switchover that tells where it is. */
  public PostgresSwitchover(Secrets secrets, Checkpoints checkpoints) {
    this(secrets, checkpoints, Pace.USUAL);
  }

  private PostgresSwitchover(Secrets secrets, Checkpoints checkpoints, Pace pace) {
    this.secrets = secrets;
    this.databases = new Databases(secrets);
    this.checkpoints = checkpoints;
    this.pace = pace;
  }

  @Override
  public Readiness prepareSwitchover(Move move) {
    return during(
        "preparing the switchover",
        "Cannot prepare the switchover",
        pulse -> new Preparation(databases, secrets, move).prepare(pulse));
  }

  @Override
  public Outcome unprepareSwitchover(Move move) {
    return during(
        "taking the preparation back",
        "Cannot take the preparation of the switchover back",
        pulse -> new Preparation(databases, secrets, move).unprepare(pulse));
  }

  @Override
  public void keepBase(Move move) {
    try (Pulse pulse = new Pulse("keeping the base slot fresh")) {
      new BaseSlot(databases, move, pace).keep(pulse);
    }
  }

  @Override
  public HandOver handOver(SwitchoverRequest request) {
    return settle(request);
  }

  @Override
  public HandOver settle(SwitchoverRequest request) {
    try (Pulse pulse = new Pulse("handing over to the " + request.to().word());
        Followers followers = new ConnectFollowers(request.move(), secrets)) {
      return new Settlement(databases, request, followers, checkpoints, pulse).bring();
    }
  }

  @Override
  public void watchWayBack(Move move) {
    try (Pulse pulse = new Pulse("watching the way back")) {
      new WayBackWatch(databases, move, pace).watch(pulse);
    }
  }

  @Override
  public Outcome awaitTail(Move move) {
    return during(
        "waiting for the last clients of the source to leave",
        "Cannot look for clients of the source",
        pulse -> new Clients(databases, move, pace).awaitTail());
  }

  @Override
  public Outcome awaitFirstWrites(Move move) {
    return during(
        "waiting for the first writes on the target",
        "Cannot look for writes on the target",
        pulse ->
            new Clients(databases, move, pace).awaitFirstWrites(pulse, pulse.sinceScheduled()));
  }

  @Override
  public Outcome stopReverse(Move move) {
    return during(
        "dropping the reverse stream",
        "Cannot drop the reverse stream",
        pulse -> new CleanUp(databases, secrets, move).stopReverse(pulse));
  }

  @Override
  public Outcome cleanUp(Move move) {
    return during(
        "cleaning up",
        "Cannot clean up",
        pulse -> new CleanUp(databases, secrets, move).cleanUp(pulse));
  }

  private interface Work<T> {
    T run(Pulse pulse) throws SQLException;
  }

  private static <T> T during(String doing, String failed, Work<T> work) {
    try (Pulse pulse = new Pulse(doing)) {
      return work.run(pulse);
    } catch (SQLException e) {
      throw SqlFailures.of(failed, e);
    }
  }
}
