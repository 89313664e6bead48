package dev.whimbrel.activity;

import dev.whimbrel.runbook.DnsSpec;
import dev.whimbrel.runbook.Runbook;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The names of one migration.
 *
 * @param migration the runbook's name
 * @param dns where the names are kept
 * @param sourceAddresses the service's addresses on the source side
 * @param targetAddresses the service's addresses on the target side
 * @param sourceCname the host name to which the names point on the source side instead, or null
 * @param targetCname the host name to which the names point on the target side instead, or null
 */
public record DnsMove(
    String migration,
    DnsSpec dns,
    List<String> sourceAddresses,
    List<String> targetAddresses,
    @Nullable String sourceCname,
    @Nullable String targetCname) {

  /** Names that point to addresses on both sides. */
  public DnsMove(
      String migration, DnsSpec dns, List<String> sourceAddresses, List<String> targetAddresses) {
    this(migration, dns, sourceAddresses, targetAddresses, null, null);
  }

  /** The names of a runbook. */
  public static DnsMove of(Runbook runbook, DnsSpec dns) {
    return new DnsMove(
        runbook.name(),
        dns,
        runbook.source().addresses(),
        runbook.target().addresses(),
        runbook.source().cname(),
        runbook.target().cname());
  }

  /** One side's addresses. */
  public List<String> addresses(Side side) {
    return side == Side.SOURCE ? sourceAddresses : targetAddresses;
  }

  /** One side's host name, or null where it is addresses. */
  public @Nullable String cname(Side side) {
    return side == Side.SOURCE ? sourceCname : targetCname;
  }
}
