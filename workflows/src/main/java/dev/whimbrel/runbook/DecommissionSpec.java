package dev.whimbrel.runbook;

import org.jspecify.annotations.Nullable;

/**
 * The end of the old side.
 *
 * @param approval {@code required} (default) or {@code none}, which is for laboratories
 * @param retire the old side's machines; absent: people see to them
 */
public record DecommissionSpec(String approval, @Nullable RetireSpec retire) {
  static final DecommissionSpec DEFAULT = new DecommissionSpec("required", null);

  public DecommissionSpec {
    approval = Defaults.or(approval, "required");
  }

  /** Whether a person must approve. */
  public boolean approvalRequired() {
    return !"none".equals(approval);
  }
}
