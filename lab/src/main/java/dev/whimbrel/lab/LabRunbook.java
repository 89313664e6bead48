package dev.whimbrel.lab;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * A runbook for the lab: the same steps as in production, with days made seconds by its durations.
 *
 * @param name the migration's name
 * @param soak how long the stream must keep up
 * @param monitor how long the target is watched
 * @param window how long the way back stays open
 * @param approval {@code required} or {@code none}
 * @param canary what the target's stack serves before; null for nothing
 */
public record LabRunbook(
    String name,
    Duration soak,
    Duration monitor,
    Duration window,
    String approval,
    @Nullable LabCanary canary) {

  /** A move without a canary. */
  public LabRunbook(
      String name, Duration soak, Duration monitor, Duration window, String approval) {
    this(name, soak, monitor, window, approval, null);
  }

  /** A move that takes well under a minute and asks nobody. */
  public static LabRunbook quick(String name) {
    return new LabRunbook(
        name, Duration.ofSeconds(3), Duration.ofSeconds(3), Duration.ofSeconds(5), "none");
  }

  /** As {@link #quick}, with no longer waits than a switchover itself needs. */
  static LabRunbook quickest(String name) {
    Duration second = Duration.ofSeconds(1);
    return new LabRunbook(name, second.multipliedBy(2), second, second, "none");
  }

  /** The same with another window for the way back. */
  public LabRunbook withWindow(Duration newWindow) {
    return new LabRunbook(name, soak, monitor, newWindow, approval, canary);
  }

  /** The same, asking people. */
  public LabRunbook approved() {
    return new LabRunbook(name, soak, monitor, window, "required", canary);
  }

  /** The same with a canary. */
  LabRunbook with(LabCanary newCanary) {
    return new LabRunbook(name, soak, monitor, window, approval, newCanary);
  }

  String text(LabWorld world) {
    String service = world.hasDns() ? LabWorld.NAME : world.targetAddress();
    return """
    name: %s
    service: shop
    source:
      postgres: {url: "%s", storage: 10GB}
      addresses: [%s]
    target:
      postgres: {url: "%s", storage: 10GB}
      addresses: [%s]
    connect:
      - %s
    leftBehind:
      - {role: shop_owner, because: "the prober of the lab, which tries both sides on purpose"}
      - {role: shop_prober, because: "the prober of the lab, which tries both sides on purpose"}
    %s%sreplicate: {jobs: 2, soak: %ds, maxLag: 2s}
    validate:
      smoke:
        - {http: "http://%s:%d/healthz", expect: 200%s}
        - {sql: "SELECT count(*) > 0 FROM orders"}
    %scutover: {approval: %s, monitor: %ds}
    rollback: {window: %ds}
    decommission: {approval: %s}
    """
        .formatted(
            name,
            world.sourceUrl(),
            world.sourceAddress(),
            world.targetUrl(),
            world.targetAddress(),
            world.connectEntry(),
            world.hasDns() ? world.zone().entry() : "",
            world.isBalanced() ? world.balancer().entry() : "",
            soak.toSeconds(),
            service,
            world.servicePort(),
            world.hasDns() ? ", via: target" : "",
            canary == null ? "" : canary.text(service, world.servicePort(), world.controlEntry()),
            approval,
            monitor.toSeconds(),
            window.toSeconds(),
            approval);
  }
}
