package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import java.time.Duration;

/** What makes applications follow the database. Every call may be made again. */
interface Followers extends AutoCloseable {

  /** Checks, before writes are held up, that everything can be reached; starts the guardian. */
  void ready();

  /** Holds clients back. */
  void pause(Duration limit);

  /** Points clients to a side; they are still held back where they can be. */
  void follow(Side to);

  /** Lets clients go on. */
  void resume();

  /**
   * Waits a moment until no pooled connection points to a side any more. Ending one while a pooler
   * still logs in there makes it refuse every login for {@code server_login_retry}, 15 s.
   *
   * @return whether none does
   */
  boolean haveLeft(Side side);

  /**
   * As {@link #resume}, where nothing was handed over: an attempt that died with its host may have
   * left a pooler paused. A pooler that does not answer is no reason not to roll back.
   */
  void resumeIfPossible();

  /** How many sequential round trips pausing took. */
  int tripsToPause();

  /** Lets clients go on, if they are still held back, and ends the guardian. */
  @Override
  void close();
}
