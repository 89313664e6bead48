package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Side;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Large objects in one attempt at a switchover: brought without haste before it and once more right
 * before the pause; {@link LastLargeObjects} brings the rest. A database without any pays nothing.
 */
final class LargeObjects {
  private static final Duration CALL = Duration.ofSeconds(10);

  private static final Duration OPEN_TRANSACTIONS = Duration.ofSeconds(15);

  /** How long others are waited for where an earlier attempt has handed over. */
  private static final Duration ENDING = Duration.ofSeconds(10);

  /** Of one message before the pause: a host that dies silently is noticed as soon as that. */
  private static final Duration LOOKING = Duration.ofMinutes(2);

  /** And this for as much as a slow disk reads in a second: a message reads all pages. */
  private static final String SLOWLY = "SELECT pg_relation_size('pg_largeobject') / 20000000";

  /** What is brought before the pause: the attempt is cut off a little later, and asks nobody. */
  private static final Duration LONGEST = Duration.ofMinutes(12);

  /** Whoever let the attempt begin did not reckon with more. */
  private static final Duration AGAIN = Duration.ofMinutes(1);

  /** Passes until one is short: each brings what was written during the one before. */
  private static final int PASSES = 3;

  /** Whether a transaction may have written an object that nobody sees yet. */
  private static final String LONGER = "SELECT pg_relation_size('pg_largeobject_metadata') > 0";

  private final Attempt attempt;
  private final Session losing;
  private final Session gaining;
  private boolean able;
  private boolean present;
  private boolean labelled;
  private boolean ignored;
  private boolean keeping;
  private Deadline bringing = new Deadline(LONGEST);
  private Duration looking = LOOKING;

  LargeObjects(Attempt attempt) {
    this.attempt = attempt;
    this.losing = attempt.losing();
    this.gaining = attempt.gaining();
  }

  /**
   * Brings what there is, however long it takes.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} where there are large objects
   *     and the rights do not suffice, {@code Transient} where it has taken long
   */
  void bring() throws SQLException {
    bringing = new Deadline(LONGEST);
    look();
    layWhatAWorkerOfBeforeHasNot();
    if (present && !(able && !labelled) && attempt.from() == Side.TARGET && lossIsAccepted()) {
      present = false;
      able = false;
      ignored = true;
    }
    if (present) {
      mustBeAble();
      long reading = Long.parseLong(Objects.requireNonNull(losing.value(SLOWLY, CALL)));
      looking = Deadline.least(LOOKING.plusSeconds(reading), LargeObjectPass.MESSAGE);
      Deadline clock = new Deadline(AGAIN);
      passBefore();
      if (clock.passed() && attempt.to() == Side.TARGET) {
        beginAnewWhereThatHelps(clock.elapsed());
      }
    }
  }

  /** Without the rights nothing is carried and nobody kept out. */
  private void layWhatAWorkerOfBeforeHasNot() throws SQLException {
    for (Session side : able ? List.of(losing, gaining) : List.<Session>of()) {
      if (!LastLargeObjects.isLaid(side)) {
        LargeObjectFence.lay(side.connection(CALL));
      }
    }
  }

  /** Looking alone may take as long: then another attempt would wait no less. */
  private void beginAnewWhereThatHelps(Duration took) throws SQLException {
    Deadline second = new Deadline(took);
    passBefore();
    if (second.elapsed().multipliedBy(2).compareTo(took) < 0) {
      throw Failures.transientFailure(
          "Large objects were brought for %d s before the hand-over: it begins anew, so that window and evidence are looked at once more"
              .formatted(took.toSeconds()));
    }
  }

  /**
   * Brings what was written since, right before the pause, and looks how long that takes. On the
   * way back nobody is asked whether that is too long: nothing could be done about it there.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code Transient} where a transaction stays
   *     open, {@code NeedsHelp} where the pause would be too long
   */
  LastLargeObjects approach() throws SQLException {
    if (!present) {
      return last(null, Duration.ZERO);
    }
    awaitOpenTransactions();
    Duration limit = attempt.request().pauseBudget().dividedBy(2);
    Duration took = limit;
    Long since = null;
    for (int i = 0; i < PASSES && took.compareTo(limit) >= 0; i++) {
      Deadline clock = new Deadline(LargeObjectPass.MESSAGE);
      since = passBefore();
      took = clock.elapsed();
    }
    if (took.compareTo(limit) >= 0 && attempt.to() == Side.TARGET) {
      throw Failures.needsHelp(
          "Looking what was written to large objects takes %d ms, which is more than half of the pause budget"
              .formatted(took.toMillis()),
          "raise cutover.pauseBudget above %d s, or move large objects into columns; then start again"
              .formatted(took.toSeconds() * 2 + 1),
          null);
    }
    return last(since, took);
  }

  private LastLargeObjects last(@Nullable Long since, Duration took) {
    return new LastLargeObjects(
        attempt, new LastLargeObjects.Known(able, present, ignored, keeping, since, took));
  }

  /**
   * Brings what there is behind a hand-over of an earlier attempt, before the gaining side's
   * transaction begins. Who is still open is ended, also where no object is seen yet.
   *
   * @return what is to be said of objects that stay, or an empty text
   */
  String finish() throws SQLException {
    look();
    if (!able) {
      String count = losing.value("SELECT count(*) FROM pg_largeobject_metadata", CALL);
      return "0".equals(count)
          ? ""
          : "; %s LARGE OBJECTS STAY ON THE %s".formatted(count, attempt.from().word());
    }
    LargeObjectFence.takeNow(losing, CALL);
    if (!present) {
      try {
        losing.run(OpenTransactions.ending(LargeObjectPass.SHORT, attempt.from()), ENDING);
      } catch (SQLException e) {
        if (!SqlFailures.is(e, OpenTransactions.STUCK)) {
          throw e;
        }
        losing.run("ROLLBACK", CALL);
        // Nobody sees what he has written, but the table is longer for it; else he is let be.
        if (losing.holds(LONGER, CALL)) {
          throw e;
        }
      }
      look();
    }
    if (present) {
      Duration limit = finishing();
      Deadline all = new Deadline(limit);
      attempt.sessions().pinger().until(limit);
      losing.run(OpenTransactions.ending(ENDING, attempt.from()), ENDING.plus(CALL));
      pass(
              limit,
              rows -> {
                attempt.pulse().check();
                mustNotLast(all, rows);
                attempt.sessions().pinger().until(limit);
                attempt.pulse().say(LargeObjectPass.progress(rows));
              })
          .onAnyTimeline()
          .run();
    }
    return "";
  }

  /** Both sides are closed: a person shall know that there is another way out, where there is. */
  private void mustNotLast(Deadline limit, long rows) {
    if (limit.passed() && attempt.to() == Side.TARGET && !attempt.request().finishOnly()) {
      String migration = attempt.request().move().migration();
      throw Failures.needsHelp(
          "Large objects are still being brought to the target, %,d rows so far, and both sides are closed"
              .formatted(rows),
          "take the hand-over back, which opens the source at once: whimbrel rollback %s; or retry, which brings them however long it takes"
              .formatted(migration),
          "whimbrel retry " + migration);
    }
  }

  /** Of one message: both sides are closed, and somebody who died silently is waited for. */
  private Duration finishing() {
    Duration least = ENDING.plus(attempt.request().pauseBudget().multipliedBy(2));
    Duration patience = attempt.request().patience();
    return patience.compareTo(least) > 0 ? patience : least;
  }

  /** What the other side has had before does not matter where nobody could carry anything. */
  private void look() throws SQLException {
    ObjectRights here = ObjectRights.of(losing);
    ObjectRights there = ObjectRights.of(gaining);
    able = here.able() && there.able();
    present = here.present() || (able && there.present());
    labelled = here.labelled();
    keeping = attempt.from() == Side.TARGET && LastLargeObjects.mayHaveLeft(losing, gaining);
  }

  private boolean lossIsAccepted() {
    return attempt.request().acceptLossBy() != null;
  }

  private void mustBeAble() {
    if (!able) {
      throw Failures.needsHelp(
          EarlyLargeObjects.NOT_ABLE,
          LargeObjectChecks.NOT_ABLE_FIX
              + "; then retry"
              + (attempt.from() == Side.TARGET
                  ? ". Or go back without them: whimbrel rollback %s --accept-loss --by NAME --reason WHY"
                      .formatted(attempt.request().move().migration())
                  : ""),
          null);
    }
    if (labelled) {
      throw Failures.needsHelp(
          "Large objects of the %s have security labels, which are not carried"
              .formatted(attempt.from().word()),
          "take them away, then retry",
          "SECURITY LABEL FOR … ON LARGE OBJECT … IS NULL;");
    }
  }

  private void awaitOpenTransactions() throws SQLException {
    Deadline limit = new Deadline(OPEN_TRANSACTIONS);
    String open = stillOpen();
    while (!open.isEmpty()) {
      if (limit.passed()) {
        throw Failures.transientFailure(
            "Large objects cannot be handed over while transactions are open that may write them: "
                + open);
      }
      attempt.pulse().rest(Duration.ofMillis(250));
      open = stillOpen();
    }
  }

  /**
   * Nobody is ended before the pause of a hand-over to the target. A rollback has no time to wait:
   * they are ended behind it anyway, and who cannot be ended has to be known before it.
   */
  private String stillOpen() throws SQLException {
    if (attempt.to() == Side.SOURCE) {
      losing.run(OpenTransactions.END_OLD, CALL);
    }
    return OpenTransactions.inTheWay(losing, true);
  }

  private long passBefore() throws SQLException {
    Duration patience = attempt.request().patience();
    Duration limit = patience.compareTo(looking) > 0 ? patience : looking;
    attempt.sessions().pinger().until(LargeObjectPass.MESSAGE);
    long below =
        pass(
                limit,
                rows -> {
                  attempt.sessions().pinger().until(LargeObjectPass.MESSAGE);
                  attempt.pulse().check();
                  mustEnd(rows);
                  attempt.pulse().say(LargeObjectPass.progress(rows));
                })
            .run();
    attempt.sessions().pinger().until(Settlement.APPROACH);
    return below;
  }

  /** A pass keeps how far it got at its end only: cut off, it would begin again, unseen. */
  private void mustEnd(long rows) {
    if (bringing.passed()) {
      throw Failures.needsHelp(
          "Large objects were brought for %d min before the hand-over, %,d rows so far, which is as long as an attempt may take"
              .formatted(bringing.elapsed().toMinutes(), rows),
          attempt.to() == Side.TARGET
              ? "wait until cutover.keep-base has brought them (inspect both sides), then retry"
              : "move what is large out of the database first: a retry begins with all of it again. Nothing is lost while this waits, writes stay on the target",
          "whimbrel retry " + attempt.request().move().migration());
    }
  }

  private LargeObjectPass pass(Duration limit, LargeObjectPass.Step step) {
    LargeObjectPass pass =
        LargeObjectPass.between(
            attempt.sessions(), attempt.from(), attempt.request().move().migration(), limit, step);
    return keeping ? pass.keepingOthers() : pass;
  }
}
