package dev.whimbrel.runbook;

import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One check. Exactly one of http, sql and command is set.
 *
 * @param http a URL that must answer
 * @param expect the HTTP status that counts as good; 200
 * @param via {@code target} or {@code source}: the public name, at that side's addresses
 * @param sql a read-only query on the target whose single value must be true
 * @param command a command that must end with 0, run without a shell
 * @param timeout how long it may take; 30 s, for commands 20 min
 */
public record CheckSpec(
    @Nullable String http,
    @Nullable Integer expect,
    @Nullable String via,
    @Nullable String sql,
    @Nullable List<String> command,
    Duration timeout) {
  public CheckSpec {
    if (http != null) {
      expect = Defaults.or(expect, 200);
    }
    timeout =
        Defaults.or(timeout, command == null ? Duration.ofSeconds(30) : Duration.ofMinutes(20));
  }
}
