package dev.whimbrel.runbook;

import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The old side's machines. They are stopped; only {@code terminateAfter} lets them be terminated.
 *
 * @param region the region of the instances; by default the one of the SDK's own configuration
 * @param ec2 ids of instances
 * @param azure ids of virtual machines, {@code /subscriptions/…}
 * @param terminateAfter how long they stay stopped before they may be terminated; absent: for ever
 * @param approval {@code required} (default) or {@code none}: whether a person must approve their
 *     termination
 */
public record RetireSpec(
    @Nullable String region,
    List<String> ec2,
    List<String> azure,
    @Nullable Duration terminateAfter,
    String approval) {
  public RetireSpec {
    ec2 = Defaults.list(ec2);
    azure = Defaults.list(azure);
    approval = Defaults.or(approval, "required");
  }

  /** Whether a person must approve the termination. */
  public boolean approvalRequired() {
    return !"none".equals(approval);
  }
}
