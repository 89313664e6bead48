package dev.whimbrel.activity;

import dev.whimbrel.runbook.GuardSpec;
import java.util.List;

/**
 * One guard to watch.
 *
 * @param move the databases, for {@code sql} guards
 * @param guard what to watch
 * @param number its place in the runbook, from 1
 * @param sourceAddresses the service's addresses on the source side, for guards that compare
 * @param targetAddresses the service's addresses on the target side, for guards that compare
 */
public record GuardRequest(
    Move move,
    GuardSpec guard,
    int number,
    List<String> sourceAddresses,
    List<String> targetAddresses) {
  public GuardRequest {
    sourceAddresses = sourceAddresses == null ? List.of() : List.copyOf(sourceAddresses);
    targetAddresses = targetAddresses == null ? List.of() : List.copyOf(targetAddresses);
  }
}
