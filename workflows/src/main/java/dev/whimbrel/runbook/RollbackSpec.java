package dev.whimbrel.runbook;

import java.time.Duration;
import java.util.List;

/**
 * The standing offer to go back.
 *
 * @param window how long after the monitor period the way back stays open; 72 h
 * @param by who may ask for it; empty means anyone
 * @param patience how long a rollback waits for a target that cannot be reached before it parks; 60
 *     s
 */
public record RollbackSpec(Duration window, List<String> by, Duration patience) {
  static final RollbackSpec DEFAULT =
      new RollbackSpec(Duration.ofDays(3), List.of(), Duration.ofSeconds(60));

  public RollbackSpec {
    window = Defaults.or(window, Duration.ofDays(3));
    by = Defaults.list(by);
    patience = Defaults.or(patience, Duration.ofSeconds(60));
  }
}
