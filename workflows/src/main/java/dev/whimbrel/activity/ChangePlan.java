package dev.whimbrel.activity;

import java.util.List;

/**
 * What a change would do, told before it is made.
 *
 * @param findings what stands in the way, and what a person should know
 * @param forward the calls, or the commands by hand, that make the change
 * @param back those that take it back
 */
public record ChangePlan(List<Finding> findings, List<String> forward, List<String> back) {
  /** Nothing to change. */
  public static final ChangePlan NONE = new ChangePlan(List.of(), List.of(), List.of());

  /** Several changes as one, in their order. */
  public static ChangePlan together(List<ChangePlan> plans) {
    return new ChangePlan(
        plans.stream().flatMap(each -> each.findings().stream()).toList(),
        plans.stream().flatMap(each -> each.forward().stream()).toList(),
        plans.stream().flatMap(each -> each.back().stream()).toList());
  }
}
