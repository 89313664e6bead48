package dev.whimbrel.postgres;

import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.Side;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Brings what was written to large objects since the pass before from the truth to the side that
 * follows. Each pass looks at one moment of the truth, and keeps on the other side the number below
 * which every transaction had ended by then: what is written later has a number that is not lower.
 * Of two passes at a time the one that began later goes on.
 */
final class LargeObjectPass {
  /** One message of a pass: it may have to read every page. */
  static final Duration MESSAGE = Duration.ofMinutes(10);

  /** For what nobody depends on. */
  static final Duration SHORT = Duration.ofSeconds(2);

  /** A server counts its transactions modulo twice this; far enough from it nothing is known. */
  private static final long HALF = (1L << 31) - (1L << 24);

  /**
   * Which server gives out the numbers: another one, or another timeline, has numbers of its own.
   */
  static final String SERVER =
      "(SELECT c.system_identifier || '/' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) || '/' || d.oid"
          + " FROM pg_control_system() AS c, pg_database AS d WHERE d.datname = current_database())";

  /**
   * PL/pgSQL of the opening that keeps the number from which on this side has what the other one
   * lacks: the way back begins there.
   */
  static final String FROM_HERE_ON =
      """
      IF to_regclass('whimbrel.large_object_pass') IS NOT NULL THEN
        UPDATE whimbrel.large_object_pass SET server = %s, below = pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
      END IF;
      """
          .formatted(SERVER);

  /** Commits something, so that everything before it is on the disk. */
  private static final String FLUSH =
      "BEGIN; SET LOCAL synchronous_commit = local; SELECT pg_logical_emit_message(true, 'whimbrel', 'pass'); COMMIT";

  /** One server, to be told several statements in one message. */
  interface Server {
    /** The rows of each statement that has some. */
    List<List<List<@Nullable String>>> ask(String sql) throws SQLException;
  }

  /** Told between two messages; may end the pass by an exception. */
  interface Step {
    void at(long rows);
  }

  /** For a truth that gives no more numbers out. */
  static final Server NO_FLUSH = sql -> List.of();

  private final Server truth;
  private final Server follower;
  private final Server beside;
  private final Step step;
  private final LargeObjectTurn turn;
  private boolean removing = true;
  private boolean onAnyTimeline;
  private long rows;

  /**
   * A pass.
   *
   * @param beside another session on the truth, which flushes while the first one reads
   */
  LargeObjectPass(
      String migration, Side from, Server truth, Server follower, Server beside, Step step) {
    this.turn = new LargeObjectTurn(migration, from);
    this.truth = truth;
    this.follower = follower;
    this.beside = beside;
    this.step = step;
  }

  /**
   * A pass by the sessions of an attempt, which keep themselves alive.
   *
   * @param limit how long one message may take
   */
  static LargeObjectPass between(
      Sessions sessions, Side from, String migration, Duration limit, Step step) {
    return new LargeObjectPass(
        migration,
        from,
        sql -> sessions.on(from).rows(sql, limit),
        sql -> sessions.on(from.other()).rows(sql, limit),
        sql -> sessions.besideOn(from).rows(sql, limit),
        step);
  }

  /** Lets what the follower alone has be: somebody may still want to see it. */
  LargeObjectPass keepingOthers() {
    removing = false;
    return this;
  }

  /**
   * Takes a number also from the server that the truth was before a standby took its place. Only
   * for a truth that knows what was committed behind the pass before: its hand-over.
   */
  LargeObjectPass onAnyTimeline() {
    onAnyTimeline = true;
    return this;
  }

  static Progress progress(long rows) {
    return Progress.of("bringing large objects, %,d rows so far".formatted(rows));
  }

  /**
   * Makes the follower what the truth is now, in transactions of its own.
   *
   * @return the number below which everything is there now
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} where the target had objects
   *     of its own, {@code Transient} where another pass began meanwhile
   */
  long run() throws SQLException {
    try {
      List<@Nullable String> kept = begin();
      List<@Nullable String> own =
          last(
              truth.ask(
                  """
                  BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
                  SELECT %s, pg_snapshot_xmin(pg_current_snapshot())::text, pg_snapshot_xmax(pg_current_snapshot())::text,
                         to_regclass('whimbrel.large_object_pass') IS NOT NULL, extract(epoch FROM transaction_timestamp())::text"""
                      .formatted(SERVER)));
      String server = Objects.requireNonNull(own.get(0));
      long number = Long.parseLong(Objects.requireNonNull(own.get(1)));
      long next = Long.parseLong(Objects.requireNonNull(own.get(2)));
      Long since = isOf(server, kept.get(0)) ? number(kept.get(1)) : null;
      if (since == null && "t".equals(own.get(3))) {
        // The side that opened keeps the number from which on the other one lacks something.
        since =
            number(
                last(truth.ask(
                        "SELECT max(below) FROM whimbrel.large_object_pass WHERE server = "
                            + Quoting.literal(server)))
                    .get(0));
      }
      if (since != null && (since > number || next - since > HALF)) {
        since = null;
      }
      // What was seen must not be taken back by a crash of the truth, whose old rows would look old
      // to every later pass; nor may it give the numbers out again, below the one that is kept.
      beside.ask(FLUSH);
      // Of the follower's own disk alone: what a standby lacks, it lacks with the number.
      bring(
          since,
          "f".equals(kept.get(2)),
          "BEGIN; SET LOCAL synchronous_commit = local; " + turn.guard(),
          "; COMMIT",
          "");
      truth.ask("COMMIT");
      follower.ask(
          "BEGIN; SET LOCAL synchronous_commit = local; %s UPDATE whimbrel.large_object_pass SET server = %s, below = %d, at = to_timestamp(%s); COMMIT"
              .formatted(
                  turn.guard(),
                  Quoting.literal(server),
                  number,
                  Objects.requireNonNull(own.get(4))));
      return number;
    } catch (SQLException e) {
      Optional<RuntimeException> ours = turn.failure(e);
      if (ours.isPresent()) {
        throw ours.get();
      }
      throw e;
    }
  }

  /**
   * The last pass: into the transaction of the follower that is open and opens it, from a truth to
   * which nobody writes any more. The first look is one message to the truth, behind what is to be
   * done there before, and what it brings is one to the follower. The truth's transaction, which
   * only reads, stays open.
   *
   * @param before statements for the truth, outside of a transaction, or an empty text
   * @param since the number that the pass before has returned; null brings everything
   */
  void runInto(String before, @Nullable Long since) throws SQLException {
    bring(
        since,
        false,
        "SET LOCAL statement_timeout = '60s'; ",
        "",
        before + "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; ");
  }

  /** As the first pass does, in the open transaction of the follower. */
  void remember() throws SQLException {
    follower.ask("DO $$ BEGIN\n" + turn.remembering() + FROM_HERE_ON + "END $$");
  }

  /** What the follower knows: the server, the number, and how many objects it has. */
  private List<@Nullable String> begin() throws SQLException {
    return last(follower.ask(turn.begin()));
  }

  private void bring(
      @Nullable Long since, boolean first, String opening, String closing, String before)
      throws SQLException {
    List<List<List<@Nullable String>>> answer =
        truth.ask(
            before
                + LargeObjectRows.COUNT
                + "; "
                + LargeObjectRows.declare(since, first)
                + "; "
                + LargeObjectRows.fetch());
    List<@Nullable String> there = answer.get(answer.size() - 2).get(0);
    List<List<@Nullable String>> some = answer.get(answer.size() - 1);
    while (true) {
      boolean end = some.size() < LargeObjectRows.TOGETHER;
      List<@Nullable String> here =
          answered(
              follower.ask(
                  opening
                      + LargeObjectRows.write(some)
                      + (end ? LargeObjectRows.COUNT : "SELECT 1")
                      + closing));
      rows += some.size();
      step.at(rows);
      if (end) {
        if (since != null && (fewer(here, there, 0) || fewer(here, there, 1))) {
          // Nobody knows why: what came later cannot be all that is missing.
          bring(null, false, opening, closing, "CLOSE whimbrel_objects; ");
          return;
        }
        List<@Nullable String> now = here;
        for (int i = 0; i < 2; i++) {
          if (removing && !same(there, now, i)) {
            now =
                Objects.requireNonNullElse(
                    new RemovedObjects(truth, follower, opening, closing)
                        .run(
                            i == 1,
                            Long.parseLong(Objects.requireNonNull(there.get(i))),
                            () -> step.at(rows)),
                    now);
          }
        }
        if (since != null && removing && !there.equals(now)) {
          // What is missing here was hidden by what was gone there.
          bring(null, false, opening, closing, "CLOSE whimbrel_objects; ");
        }
        return;
      }
      some = truth.ask(LargeObjectRows.fetch()).get(0);
    }
  }

  private boolean isOf(String server, @Nullable String kept) {
    return server.equals(kept)
        || (onAnyTimeline
            && kept != null
            && kept.replaceFirst("/.*/", "/").equals(server.replaceFirst("/.*/", "/")));
  }

  /** The same objects, or the same comments: as many, with the same sum of their numbers. */
  private static boolean same(
      List<@Nullable String> here, List<@Nullable String> there, int column) {
    return Objects.equals(here.get(column), there.get(column))
        && Objects.equals(here.get(column + 2), there.get(column + 2));
  }

  private static boolean fewer(
      List<@Nullable String> here, List<@Nullable String> there, int column) {
    return Long.parseLong(Objects.requireNonNull(here.get(column)))
        < Long.parseLong(Objects.requireNonNull(there.get(column)));
  }

  private static @Nullable Long number(@Nullable String text) {
    return text == null ? null : Long.valueOf(text);
  }

  private static List<@Nullable String> last(List<List<List<@Nullable String>>> answer) {
    return answer.get(answer.size() - 1).get(0);
  }

  /** The only statement of a message that has rows. */
  private static List<@Nullable String> answered(List<List<List<@Nullable String>>> answer) {
    return answer.get(0).get(0);
  }
}
