package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import java.time.Duration;

/** What makes applications follow the database. Every call may be made again. */
interface Followers extends AutoCloseable {

  /**
   * Checks, before writes are held up, that everything can be reached; starts the guardian, and
   * makes ready what leading clients to a side needs.
   */
  void ready(Side to);

  /** Holds clients back. */
  void pause(Duration limit);

  /** Leads clients to a side, which is open, and lets those go on that are held back. */
  void follow(Side to);

  /**
   * Waits a moment until no pooled connection points to a side any more. Ending one while a pooler
   * still logs in there makes it refuse every login for {@code server_login_retry}, 15 s.
   *
   * @return whether none does
   */
  boolean haveLeft(Side side);

  /**
   * Lets clients go on where nothing was handed over: an attempt that died with its host may have
   * left a pooler paused. A pooler that does not answer is no reason not to roll back.
   */
  void resumeIfPossible();

  /** How many sequential round trips pausing took; several poolers are paused at once. */
  int tripsToPause();

  /** Lets clients go on, if they are still held back, and ends the guardian. */
  @Override
  void close();
}
