package dev.whimbrel.runbook;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;

/**
 * One side of the move.
 *
 * @param postgres its database
 * @param addresses the IP addresses (4 and 6) under which the service answers on this side
 */
public record SideSpec(
    @JsonProperty(required = true) PostgresSpec postgres, List<String> addresses) {
  public SideSpec {
    addresses = Defaults.list(addresses);
  }
}
