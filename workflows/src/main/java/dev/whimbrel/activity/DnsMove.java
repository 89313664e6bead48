package dev.whimbrel.activity;

import dev.whimbrel.runbook.DnsSpec;
import java.util.List;

/**
 * The names of one migration.
 *
 * @param migration the runbook's name
 * @param dns where the names are kept
 * @param sourceAddresses the service's addresses on the source side
 * @param targetAddresses the service's addresses on the target side
 */
public record DnsMove(
    String migration, DnsSpec dns, List<String> sourceAddresses, List<String> targetAddresses) {

  /** One side's addresses. */
  public List<String> addresses(Side side) {
    return side == Side.SOURCE ? sourceAddresses : targetAddresses;
  }
}
