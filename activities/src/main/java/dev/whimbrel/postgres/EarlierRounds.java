package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * The server processes that earlier rounds of one attempt may have left behind. Their connections
 * are closed, but a COMMIT that waits for a synchronous standby looks at nothing but its end: it
 * would hold its locks until the standby is back. Ending the process ends the wait, and what was
 * committed is committed: it is on that server's disk, and visible from then on.
 *
 * <p>An attempt that came later is never among them.
 */
final class EarlierRounds {
  private static final Duration CALL = Duration.ofSeconds(5);

  /** Ending takes milliseconds, also where a standby is waited for. */
  private static final Duration GONE = Duration.ofSeconds(5);

  private final Map<Side, List<Session.Backend>> left = new EnumMap<>(Side.class);

  /** Of an attempt that has had no round. */
  EarlierRounds() {}

  /** Remembers a session's server process. */
  void remember(Session session) {
    remember(session.side(), session.backend());
  }

  /** Remembers a process on the server of a side. */
  void remember(Side side, Session.Backend backend) {
    left.computeIfAbsent(side, any -> new ArrayList<>()).add(backend);
  }

  /**
   * Ends what was left behind on the server of this session, and returns once it is gone with all
   * its locks, or after 5 s. Costs nothing where there was no earlier round.
   */
  void end(Session session) throws SQLException {
    List<Session.Backend> mine = left.getOrDefault(session.side(), List.of());
    if (mine.isEmpty()) {
      return;
    }
    // Numbers are used again; number and start are not.
    String end =
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE (pid, backend_start) IN (VALUES "
            + mine.stream()
                .map(b -> "(%s, timestamptz '%s')".formatted(b.pid(), b.started()))
                .collect(Collectors.joining(", "))
            + ")";
    Deadline gone = new Deadline(GONE);
    while (!"0".equals(session.value(end, CALL))) {
      if (gone.passed()) {
        return;
      }
      Pause.of(Duration.ofMillis(10));
    }
    mine.clear();
  }
}
