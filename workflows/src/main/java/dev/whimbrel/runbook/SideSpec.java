package dev.whimbrel.runbook;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One side of the move.
 *
 * @param postgres its database
 * @param addresses the IP addresses (4 and 6) under which the service answers on this side
 * @param cname the host name to which the service's names point on this side, where they are
 *     aliases (CNAME) rather than addresses
 */
public record SideSpec(
    @JsonProperty(required = true) PostgresSpec postgres,
    List<String> addresses,
    @Nullable String cname) {
  public SideSpec {
    addresses = Defaults.list(addresses);
  }
}
