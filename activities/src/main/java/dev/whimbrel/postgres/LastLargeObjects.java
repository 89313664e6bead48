package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Side;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Large objects inside the pause: what was written since the pass before is brought between the
 * hand-over and the opening, when nobody can write any more. Where the losing side goes away there,
 * the next round waits for it as for any other side that is lost.
 */
final class LastLargeObjects {
  /** SQLSTATE of a hand-over that would have left a writer of large objects behind. */
  private static final String BUSY = "WB003";

  private static final String PASSED =
      "SELECT to_regclass('whimbrel.large_object_pass') IS NOT NULL";

  private static final Duration CALL = Duration.ofSeconds(5);

  /** How long the ending of others may take here; {@link LargeObjects#finish} waits longer. */
  private static final Duration ENDING = Duration.ofSeconds(3);

  private final Attempt attempt;
  private final Session losing;
  private final Session gaining;
  private final Known known;
  private boolean carried;

  /**
   * What was seen before the pause.
   *
   * @param able whether both roles may carry large objects
   * @param present whether there are any
   * @param ignored whether they stay by a person's word
   * @param keeping whether the gaining side's own stay where they are
   * @param since the number that the pass before has returned
   * @param took how long that pass took
   */
  record Known(
      boolean able,
      boolean present,
      boolean ignored,
      boolean keeping,
      @Nullable Long since,
      Duration took) {}

  LastLargeObjects(Attempt attempt, Known known) {
    this.attempt = attempt;
    this.losing = attempt.losing();
    this.gaining = attempt.gaining();
    this.known = known;
  }

  /** Whether there is any; to be asked with every table locked. */
  static final String FOUND = "SELECT EXISTS (SELECT FROM pg_largeobject_metadata)";

  /**
   * Looks at the answer to that query.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code Transient} where the first one was
   *     written since the attempt began
   */
  void mustBeKnown(@Nullable String answer) {
    if (!known.present() && !known.ignored() && "t".equals(answer)) {
      throw Failures.transientFailure(
          "The first large object of the %s was written while the switchover began"
              .formatted(attempt.from().word()));
    }
  }

  /**
   * PL/pgSQL of the hand-over: raises where a transaction may have written much, and in a database
   * without large objects remembers whether somebody may just be writing the first: his row makes
   * the table longer before he commits, and nobody else's does.
   */
  String mustBeQuiet() {
    if (!known.able()) {
      return "";
    }
    return known.present()
        ? """
          IF EXISTS (SELECT FROM pg_prepared_xacts WHERE database = current_database())
             OR EXISTS (SELECT FROM pg_stat_activity a WHERE %s) THEN
            RAISE EXCEPTION 'a transaction that may write large objects is open' USING ERRCODE = '%s';
          END IF;
          IF NOT EXISTS (SELECT FROM whimbrel.large_object_function) THEN
            RAISE EXCEPTION 'the functions that write large objects were not taken';
          END IF;
          """
            .formatted(waitsForOld() ? OpenTransactions.OLD : "false", BUSY)
        : """
          IF pg_relation_size('pg_largeobject_metadata') > 0 AND EXISTS (SELECT FROM pg_prepared_xacts WHERE database = current_database()) THEN
            RAISE EXCEPTION 'a transaction that may write large objects is prepared' USING ERRCODE = '%2$s';
          END IF;
          PERFORM set_config('whimbrel.writers', (EXISTS (SELECT FROM pg_stat_activity a WHERE %1$s)
            AND pg_relation_size('pg_largeobject_metadata') > 0)::text, true);
          """
            .formatted(OpenTransactions.NUMBERED, BUSY);
  }

  /** Whether the hand-over failed by {@link #mustBeQuiet}; names who is in the way. */
  @Nullable RuntimeException inTheWay(SQLException e) throws SQLException {
    if (!SqlFailures.is(e, BUSY)) {
      return null;
    }
    String open =
        OpenTransactions.inTheWay(attempt.sessions().besideOn(attempt.from()), waitsForOld());
    return Failures.transientFailure(
        "A transaction that may write large objects stayed open: "
            + (open.isEmpty() ? "it has ended by now" : open));
  }

  /**
   * A statement of the hand-over, behind {@link #mustBeQuiet}, whose row says whether something is
   * to be brought: whoever had a number then and has none now is seen by what he has written.
   */
  String lookForWriters() {
    return known.able() && !known.present()
        ? "SELECT current_setting('whimbrel.writers')::boolean OR EXISTS (SELECT FROM pg_largeobject_metadata);"
        : "SELECT " + known.present() + ";";
  }

  /**
   * Brings the rest into the gaining side's open transaction, behind the hand-over. Nobody writes
   * on the losing side any more: the functions are taken, and who had begun before is ended, as
   * whoever is left over is a moment later. Both sides are closed: it has seconds, not minutes.
   *
   * @param writers the answer to {@link #lookForWriters}
   */
  void last(@Nullable String writers) throws SQLException {
    if (!"t".equals(writers)) {
      return;
    }
    Duration limit = limit();
    Deadline deadline = new Deadline(limit);
    attempt.sessions().pinger().until(limit.multipliedBy(3));
    LargeObjectPass pass =
        new LargeObjectPass(
            attempt.request().move().migration(),
            attempt.from(),
            sql -> losing.rows(sql, deadline.left()),
            sql -> gaining.rows(sql, deadline.left()),
            LargeObjectPass.NO_FLUSH,
            rows -> attempt.pulse().say(LargeObjectPass.progress(rows)));
    if (known.keeping()) {
      pass.keepingOthers();
    }
    if (!known.present()) {
      pass.remember();
    }
    pass.runInto(OpenTransactions.ending(ENDING, attempt.from()), known.since());
    carried = true;
  }

  /** Nobody would ever look at them otherwise. */
  private String kept() throws SQLException {
    if (!known.keeping()) {
      return "";
    }
    String asking = "SELECT count(*) FROM pg_largeobject_metadata";
    long more =
        Long.parseLong(Objects.requireNonNull(gaining.value(asking, CALL)))
            - Long.parseLong(Objects.requireNonNull(losing.value(asking, CALL)));
    return more > 0
        ? "; %d large objects that only the %s has were kept".formatted(more, attempt.to().word())
        : "";
  }

  private boolean waitsForOld() {
    return attempt.to() == Side.TARGET;
  }

  /** The pass before took less than half of the budget, unless nobody could wait for better. */
  private Duration limit() {
    Duration pass = known.took().multipliedBy(3);
    Duration budget = attempt.request().pauseBudget();
    return ENDING.plus(pass.compareTo(budget) > 0 ? pass : budget);
  }

  /**
   * Of a side that follows: until when its large objects have arrived, by the truth's clock; an
   * empty text where it has none.
   */
  static String arrived(String words, Session follower) throws SQLException {
    if (!follower.holds(FOUND, CALL) || !follower.holds(PASSED, CALL)) {
      return "";
    }
    return words
        + Objects.requireNonNullElse(
            follower.value(
                "SELECT at FROM whimbrel.large_object_pass WHERE below IS NOT NULL", CALL),
            "the hand-over");
  }

  /** Whether people opened a side, who do not carry large objects. */
  static boolean openedByHand(Session opened) throws SQLException {
    return opened.holds(PASSED, CALL)
        && opened.holds(
            "SELECT EXISTS (SELECT FROM whimbrel.large_object_pass WHERE below IS NULL)", CALL);
  }

  /** Whether a side has what passes and the fence of large objects need. */
  static boolean isLaid(Session side) throws SQLException {
    return side.holds(PASSED, CALL);
  }

  /**
   * Whether the source may have objects that never went over: where people opened the target, or a
   * worker of before, who knew of none.
   */
  static boolean mayHaveLeft(Session target, Session source) throws SQLException {
    return openedByHand(target)
        || (!UnloggedTables.isRecorded(target) && source.holds(FOUND, CALL));
  }

  /** Ends what the last pass has left open on the losing side; nobody shall wait for it. */
  void end() throws SQLException {
    if (carried) {
      losing.run("COMMIT", CALL);
    }
  }

  /** What is to be said of objects that nobody has carried, or an empty text. */
  String leftBehind() throws SQLException {
    String count =
        known.present() || carried
            ? "0"
            : losing.value("SELECT count(*) FROM pg_largeobject_metadata", CALL);
    return "0".equals(count)
        ? kept()
        : "; %s LARGE OBJECTS STAY ON THE %s: %s"
            .formatted(
                count,
                attempt.from().word(),
                known.ignored()
                    ? "by the word of " + attempt.request().acceptLossBy()
                    : "they were written behind its hand-over");
  }
}
