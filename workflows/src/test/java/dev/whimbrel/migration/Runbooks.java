package dev.whimbrel.migration;

import dev.whimbrel.runbook.CanarySpec;
import dev.whimbrel.runbook.CheckSpec;
import dev.whimbrel.runbook.Connect;
import dev.whimbrel.runbook.CutoverSpec;
import dev.whimbrel.runbook.DecommissionSpec;
import dev.whimbrel.runbook.DnsSpec;
import dev.whimbrel.runbook.GuardSpec;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.runbook.ProvisionSpec;
import dev.whimbrel.runbook.QuerySpec;
import dev.whimbrel.runbook.RetireSpec;
import dev.whimbrel.runbook.RollbackSpec;
import dev.whimbrel.runbook.Runbook;
import dev.whimbrel.runbook.SideSpec;
import dev.whimbrel.runbook.StageSpec;
import dev.whimbrel.runbook.SuiteSpec;
import dev.whimbrel.runbook.TablesSpec;
import dev.whimbrel.runbook.TrafficSpec;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Runbooks for tests: by default everything is configured and nobody needs to be asked. */
final class Runbooks {
  @Nullable String window;
  String approval = "none";
  String endApproval = "none";
  List<String> approvers = List.of();
  List<String> rollbackBy = List.of();
  List<GuardSpec> guards = List.of();
  boolean names = true;
  boolean atRoute53;
  List<Integer> ttls = List.of(60);
  @Nullable ProvisionSpec provision;
  @Nullable TrafficSpec traffic;
  @Nullable CanarySpec canary;
  @Nullable RetireSpec retire;
  List<QuerySpec> queries = List.of();
  @Nullable TablesSpec tables;
  @Nullable SuiteSpec suite;
  List<StageSpec> stages = List.of();
  boolean offline;
  Duration rollbackWindow = Duration.ofDays(3);
  String hash = "fast";
  Duration every = Duration.ofMinutes(5);
  Duration evidenceMaxAge = Duration.ofMinutes(10);

  Runbook build() {
    return new Runbook(
        "shop",
        "shop",
        approvers,
        side("203.0.113.10"),
        side("198.51.100.20"),
        List.of(Connect.MANUAL),
        List.of(),
        provision,
        names ? dns() : null,
        traffic,
        new dev.whimbrel.runbook.Replicate(
            4,
            Duration.ofHours(24),
            Duration.ofSeconds(1),
            null,
            new dev.whimbrel.runbook.WalSpec(null, null),
            tables,
            offline ? "offline" : stages.isEmpty() ? "online" : "staged",
            null,
            stages,
            null),
        new dev.whimbrel.runbook.Validate(
            List.of(
                new CheckSpec(
                    "https://shop.example.com/healthz",
                    200,
                    null,
                    null,
                    null,
                    Duration.ofSeconds(9))),
            canary,
            hash,
            every,
            queries.isEmpty() ? null : "shop.sql",
            suite),
        guards,
        new CutoverSpec(
            window, approval, Duration.ofSeconds(5), Duration.ofMinutes(30), evidenceMaxAge),
        new RollbackSpec(rollbackWindow, rollbackBy, Duration.ofSeconds(60)),
        new DecommissionSpec(endApproval, retire));
  }

  /** The source is closed before anything is copied. */
  static Runbooks closingFirst() {
    Runbooks runbooks = new Runbooks();
    runbooks.offline = true;
    return runbooks;
  }

  /** A HAProxy in front of both stacks, and a canary of three weights. */
  Runbooks withCanary(Integer... weights) {
    traffic =
        new TrafficSpec(
            "haproxy",
            new TrafficSpec.Haproxy(
                List.of("192.0.2.7:9999"), "app", List.of("blue"), List.of("green"), null),
            null,
            "refuse");
    canary =
        new CanarySpec(
            List.of(weights),
            Duration.ofHours(24),
            "https://shop.example.com/database",
            null,
            null);
    return this;
  }

  /** The balancer's weights also stand in a file. */
  Runbooks withFile() {
    TrafficSpec.Haproxy bare = Objects.requireNonNull(Objects.requireNonNull(traffic).haproxy());
    traffic =
        new TrafficSpec(
            "haproxy",
            new TrafficSpec.Haproxy(
                bare.admin(),
                bare.backend(),
                bare.source(),
                bare.target(),
                "/etc/haproxy/haproxy.cfg"),
            null,
            "refuse");
    return this;
  }

  static GuardSpec guard(String then) {
    return new GuardSpec(
        "https://shop.example.com/healthz",
        null,
        null,
        null,
        new dev.whimbrel.runbook.Percent(0.01),
        null,
        Duration.ofMinutes(5),
        Duration.ofSeconds(1),
        null,
        null,
        then);
  }

  private DnsSpec dns() {
    return new DnsSpec(
        atRoute53 ? new DnsSpec.Route53("Z123", null, List.of()) : null,
        null,
        atRoute53 ? null : new DnsSpec.Rfc2136("192.0.2.1:53", "example.com", null, List.of()),
        List.of("shop.example.com"),
        new DnsSpec.Ttl(ttls, null),
        List.of());
  }

  private static SideSpec side(String address) {
    return new SideSpec(
        new PostgresSpec("postgresql://migrator@" + address + "/shop", null, null, null),
        List.of(address),
        null);
  }
}
