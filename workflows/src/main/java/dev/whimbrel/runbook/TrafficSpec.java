package dev.whimbrel.runbook;

import com.fasterxml.jackson.annotation.JsonFormat;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What sends requests to the two stacks, and what the old entry point does with those that still
 * come.
 *
 * @param by what sets the weights: {@code dns}, {@code haproxy} or {@code command}; by default the
 *     one of {@code haproxy} and {@code command} that is given, else {@code dns}
 * @param haproxy a HAProxy in front of both stacks, or at the old entry point
 * @param command commands that set and read the weights
 * @param tail what the old entry point does after the shift: {@code refuse} (default) leaves it to
 *     the old stack, {@code forward} lets the HAProxy send everything to the target's servers
 */
public record TrafficSpec(
    String by, @Nullable Haproxy haproxy, @Nullable Command command, String tail) {
  public TrafficSpec {
    String given = haproxy != null ? "haproxy" : command != null ? "command" : "dns";
    by = Defaults.or(by, given);
    tail = Defaults.or(tail, "refuse");
  }

  /** Whether names carry the weights. */
  public boolean byDns() {
    return by.equals("dns");
  }

  /** Whether the old entry point forwards after the shift. */
  public boolean forwards() {
    return tail.equals("forward");
  }

  /**
   * A HAProxy that is led by its runtime API.
   *
   * @param admin addresses of its {@code stats socket … level admin}, {@code host:port}; one for
   *     each process, and all of them must agree
   * @param backend the backend that holds the servers of both sides
   * @param source names of the source side's servers in it
   * @param target names of the target side's servers in it
   * @param file absolute path of {@code haproxy.cfg} on the worker, whose weights are rewritten
   *     too, so that a restart comes up with them; without it they are set again after a restart
   */
  public record Haproxy(
      @JsonFormat(with = JsonFormat.Feature.ACCEPT_SINGLE_VALUE_AS_ARRAY) List<String> admin,
      @JsonProperty(required = true) String backend,
      @JsonFormat(with = JsonFormat.Feature.ACCEPT_SINGLE_VALUE_AS_ARRAY) List<String> source,
      @JsonFormat(with = JsonFormat.Feature.ACCEPT_SINGLE_VALUE_AS_ARRAY) List<String> target,
      @Nullable String file) {
    public Haproxy {
      admin = Defaults.list(admin);
      source = Defaults.list(source);
      target = Defaults.list(target);
    }
  }

  /**
   * Commands of the team's own; both are run without a shell.
   *
   * @param set is given the target's share in percent, 0 to 100, as its last argument
   * @param read prints the share in percent that is in force
   */
  public record Command(
      @JsonProperty(required = true) List<String> set,
      @JsonProperty(required = true) List<String> read) {}
}
