package dev.whimbrel.runbook;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The move of one service, as its runbook file describes it. Secrets are references ({@code env:},
 * {@code file:}, {@code command:}), never values, so a runbook may stand in a workflow's history.
 *
 * @param name names the workflow {@code migration-<name>} and every object on the servers
 * @param service what people call the service; the name when absent
 * @param approvers who may approve; empty means anyone who names themselves
 * @param source the side that is left
 * @param target the side that is moved to
 * @param connect how applications find the database; every writer must be covered
 * @param leftBehind roles that stay behind on purpose
 * @param provision the target's machines; absent: people make them
 * @param dns the names that move with the service; absent when no name moves
 * @param traffic what sends requests to both stacks; absent: the names
 * @param replicate the copy and the stream
 * @param validate checks before and after the switchover
 * @param guards thresholds that are watched in the background
 * @param cutover when and how the service is switched
 * @param rollback the standing offer to go back
 * @param decommission the end of the old side
 */
public record Runbook(
    @JsonProperty(required = true) String name,
    String service,
    List<String> approvers,
    @JsonProperty(required = true) SideSpec source,
    @JsonProperty(required = true) SideSpec target,
    List<Connect> connect,
    List<LeftBehind> leftBehind,
    @Nullable ProvisionSpec provision,
    @Nullable DnsSpec dns,
    @Nullable TrafficSpec traffic,
    Replicate replicate,
    Validate validate,
    List<GuardSpec> guards,
    CutoverSpec cutover,
    RollbackSpec rollback,
    DecommissionSpec decommission) {

  public Runbook {
    service = service == null ? name : service;
    approvers = Defaults.list(approvers);
    connect = Defaults.list(connect);
    leftBehind = Defaults.list(leftBehind);
    replicate = Defaults.or(replicate, Replicate.DEFAULT);
    validate = Defaults.or(validate, Validate.DEFAULT);
    guards = Defaults.list(guards);
    cutover = Defaults.or(cutover, CutoverSpec.DEFAULT);
    rollback = Defaults.or(rollback, RollbackSpec.DEFAULT);
    decommission = Defaults.or(decommission, DecommissionSpec.DEFAULT);
  }

  /** What sets weights: the runbook's {@code traffic}, or its names; null where nothing does. */
  public @Nullable TrafficSpec shifting() {
    return traffic == null && dns != null ? new TrafficSpec("dns", null, null, "refuse") : traffic;
  }

  /**
   * What a cutover needs of an opening of its window: pause budget, monitor, and the time that the
   * source is closed for.
   */
  public Duration neededOpening() {
    return cutover.pauseBudget().plus(cutover.monitor()).plus(replicate.closedFor());
  }
}
