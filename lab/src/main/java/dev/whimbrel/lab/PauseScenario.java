package dev.whimbrel.lab;

import java.time.Duration;

/** Where the clients of {@link PauseBenchmark} find the database, and how far away things are. */
enum PauseScenario {
  POOLED("through PgBouncer", true, Duration.ZERO),
  DIRECT("without a pooler; clients reconnect", false, Duration.ZERO),
  POOLED_FAR(
      "through PgBouncer; 40 ms between worker, source and target", true, Duration.ofMillis(20)),
  DIRECT_FAR(
      "without a pooler; 40 ms between worker, source and target", false, Duration.ofMillis(20));

  private final String description;
  private final boolean pooled;
  private final Duration oneWay;

  PauseScenario(String description, boolean pooled, Duration oneWay) {
    this.description = description;
    this.pooled = pooled;
    this.oneWay = oneWay;
  }

  String description() {
    return description;
  }

  boolean pooled() {
    return pooled;
  }

  /** The name as an argument has it. */
  String word() {
    return name().toLowerCase(java.util.Locale.ROOT).replace('_', '-');
  }

  LabWorld world() {
    LabWorld.Builder plan =
        LabWorld.build().versions(15, 15).withoutDns().onRealTemporal().durable();
    if (pooled) {
      plan.pooled();
    }
    if (!oneWay.isZero()) {
      plan.wires(oneWay);
    }
    return plan.start();
  }
}
