package dev.whimbrel.runbook;

/**
 * The end of the old side.
 *
 * @param approval {@code required} (default) or {@code none}, which is for laboratories
 */
public record DecommissionSpec(String approval) {
  static final DecommissionSpec DEFAULT = new DecommissionSpec("required");

  public DecommissionSpec {
    approval = Defaults.or(approval, "required");
  }

  /** Whether a person must approve. */
  public boolean approvalRequired() {
    return !"none".equals(approval);
  }
}
