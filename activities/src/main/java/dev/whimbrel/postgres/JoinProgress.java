package dev.whimbrel.postgres;

import dev.whimbrel.activity.Progress;
import java.sql.Connection;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;

/** What a joining of two streams is at, and its sessions, for the thread that tells the engine. */
final class JoinProgress {
  private final Set<Connection> sessions = ConcurrentHashMap.newKeySet();
  private volatile Supplier<Progress> now =
      () -> Progress.of("the stream of what was copied joins the one before it");

  Progress get() {
    return now.get();
  }

  /** It is at this from now on. */
  void at(Progress progress) {
    now = () -> progress;
  }

  /** As {@link #at(Progress)}, with words that change. */
  void asking(Supplier<Progress> progress) {
    now = progress;
  }

  /** This session ends too when the activity is cancelled. */
  Connection of(Connection session) {
    sessions.add(session);
    return session;
  }

  /** Ends all of them, whatever they wait for. */
  void abort() {
    sessions.forEach(Heartbeats::abort);
  }
}
