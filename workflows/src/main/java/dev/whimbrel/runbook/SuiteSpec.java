package dev.whimbrel.runbook;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.time.Duration;
import java.util.List;

/**
 * A suite that writes. It gets a clone of the target's database on the target's server, by libpq's
 * variables ({@code PGHOST}, {@code PGPORT}, {@code PGDATABASE}, {@code PGUSER}, {@code
 * PGPASSWORD}, …) and {@code WHIMBREL_SUITE_URL}; the clone is dropped behind it.
 *
 * @param command a command that must end with 0, run without a shell on a worker
 * @param on {@code clone}, the only place where a suite may write
 * @param timeout how long it may take, without the making of the clone; 1 h
 */
public record SuiteSpec(
    @JsonProperty(required = true) List<String> command,
    @JsonProperty(required = true) String on,
    Duration timeout) {
  public SuiteSpec {
    command = Defaults.list(command);
    timeout = Defaults.or(timeout, Duration.ofHours(1));
  }
}
