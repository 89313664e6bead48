package dev.whimbrel.postgres;

import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.Side;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.UnaryOperator;

/**
 * Keeps the side that follows near the truth in its large objects, while something else is watched:
 * so neither a hand-over nor a rollback finds much to bring.
 */
final class KeepingUp {
  private static final Duration BETWEEN = Duration.ofMinutes(1);

  /** A pass looks through all pages: it may take a twentieth of the time. */
  private static final int SHARE = 20;

  private final String migration;
  private Deadline next = new Deadline(Duration.ZERO);

  KeepingUp(String migration) {
    this.migration = migration;
  }

  /** Whether it is time for a pass. */
  boolean isDue() {
    return next.passed();
  }

  /**
   * Makes one, where there are large objects and the rights suffice. Whoever waits for the watch to
   * end does not wait for a message of it: its sessions end with it.
   *
   * @param words adds to what is said meanwhile
   */
  void bring(Sessions sessions, Side from, UnaryOperator<Progress> words, LargeObjectPass.Step step)
      throws SQLException {
    Deadline clock = new Deadline(LargeObjectPass.MESSAGE);
    next = new Deadline(BETWEEN);
    AtomicLong so = new AtomicLong();
    Heartbeats.during(
        () -> words.apply(LargeObjectPass.progress(so.get())),
        sessions::close,
        () ->
            EarlyLargeObjects.bring(
                sessions,
                from,
                migration,
                rows -> {
                  so.set(rows);
                  step.at(rows);
                }));
    Duration rest = clock.elapsed().multipliedBy(SHARE);
    next = new Deadline(rest.compareTo(BETWEEN) > 0 ? rest : BETWEEN);
  }
}
