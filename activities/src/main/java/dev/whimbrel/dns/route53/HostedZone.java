package dev.whimbrel.dns.route53;

import dev.whimbrel.activity.Failures;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.services.route53.Route53Client;
import software.amazon.awssdk.services.route53.model.Change;
import software.amazon.awssdk.services.route53.model.ChangeStatus;
import software.amazon.awssdk.services.route53.model.DelegationSet;
import software.amazon.awssdk.services.route53.model.GetHostedZoneResponse;
import software.amazon.awssdk.services.route53.model.HealthCheckConfig;
import software.amazon.awssdk.services.route53.model.HealthCheckObservation;
import software.amazon.awssdk.services.route53.model.ListResourceRecordSetsRequest;
import software.amazon.awssdk.services.route53.model.ListResourceRecordSetsResponse;
import software.amazon.awssdk.services.route53.model.ResourceRecordSet;

/** One hosted zone, through the SDK; every failure is one of Whimbrel's, except in a change. */
final class HostedZone {
  /** Route 53 speaks of a minute; after that the servers themselves are asked anyhow. */
  static final Duration PATIENCE = Duration.ofSeconds(60);

  private static final Duration FIRST_LOOK = Duration.ofMillis(250);
  private static final Duration LONGEST_REST = Duration.ofSeconds(4);

  private final Route53Client client;
  private final String id;
  private final Refusals refusals;

  /** All changes of one step share it: a step has two minutes. */
  private long patienceLeft;

  private @Nullable Facts facts;

  /**
   * What the zone is.
   *
   * @param name without its last dot
   * @param networks of a private zone; a public one has none
   * @param servers the delegation set's; a private zone has none
   */
  record Facts(String name, boolean isPrivate, List<String> networks, List<String> servers) {}

  /** A zone of the same name. */
  record Namesake(String id, boolean isPrivate) {}

  HostedZone(Route53Client client, String id, Duration patience) {
    this.client = client;
    this.patienceLeft = patience.toNanos();
    this.id = ZoneNames.id(id);
    this.refusals = new Refusals(this.id);
  }

  String id() {
    return id;
  }

  String resource() {
    return "hostedzone/" + id;
  }

  Facts facts() {
    if (facts == null) {
      GetHostedZoneResponse zone =
          call("GetHostedZone", resource(), () -> client.getHostedZone(r -> r.id(id)));
      @Nullable DelegationSet delegation = zone.delegationSet();
      facts =
          new Facts(
              ZoneNames.bare(zone.hostedZone().name()),
              zone.hostedZone().config() != null
                  && Boolean.TRUE.equals(zone.hostedZone().config().privateZone()),
              zone.vpCs().stream().map(vpc -> vpc.vpcId()).toList(),
              delegation == null
                  ? List.of()
                  : delegation.nameServers().stream().map(ZoneNames::bare).toList());
    }
    return facts;
  }

  /** Every record set of one name. */
  List<ResourceRecordSet> sets(String name) {
    List<ResourceRecordSet> found = new ArrayList<>();
    ListResourceRecordSetsRequest request =
        ListResourceRecordSetsRequest.builder()
            .hostedZoneId(id)
            .startRecordName(ZoneNames.absolute(name))
            .build();
    while (true) {
      ListResourceRecordSetsRequest now = request;
      ListResourceRecordSetsResponse page =
          call("ListResourceRecordSets", resource(), () -> client.listResourceRecordSets(now));
      for (ResourceRecordSet set : page.resourceRecordSets()) {
        if (!ZoneNames.bare(set.name()).equals(name)) {
          return found; // sets are sorted by name
        }
        found.add(set);
      }
      if (!Boolean.TRUE.equals(page.isTruncated())) {
        return found;
      }
      request =
          request.toBuilder()
              .startRecordName(page.nextRecordName())
              .startRecordType(page.nextRecordType())
              .startRecordIdentifier(page.nextRecordIdentifier())
              .build();
    }
  }

  /** Other zones of the same name in this account: clients of their networks see those. */
  List<Namesake> namesakes() {
    String name = facts().name();
    return call(
            "ListHostedZonesByName",
            "*",
            () -> client.listHostedZonesByName(r -> r.dnsName(ZoneNames.absolute(name))))
        .hostedZones()
        .stream()
        .filter(zone -> ZoneNames.bare(zone.name()).equals(name))
        .map(
            zone ->
                new Namesake(
                    ZoneNames.id(zone.id()),
                    zone.config() != null && Boolean.TRUE.equals(zone.config().privateZone())))
        .filter(zone -> !zone.id().equals(id))
        .toList();
  }

  /**
   * How a health check is judged. What checkers say means nothing before it is known how it is set.
   */
  Checked checked(String check) {
    String resource = "healthcheck/" + check;
    HealthCheckConfig config =
        call("GetHealthCheck", resource, () -> client.getHealthCheck(r -> r.healthCheckId(check)))
            .healthCheck()
            .healthCheckConfig();
    boolean inverted = Boolean.TRUE.equals(config.inverted());
    if (Boolean.TRUE.equals(config.disabled())) {
      return new Checked(config.typeAsString(), inverted, true, 0, 0, "");
    }
    List<HealthCheckObservation> observations =
        call(
                "GetHealthCheckStatus",
                resource,
                () -> client.getHealthCheckStatus(r -> r.healthCheckId(check)))
            .healthCheckObservations();
    List<String> said =
        observations.stream()
            .map(each -> each.statusReport() == null ? "" : each.statusReport().status())
            .toList();
    List<String> bad = said.stream().filter(status -> !isGood(status)).toList();
    return new Checked(
        config.typeAsString(),
        inverted,
        false,
        said.size(),
        said.size() - bad.size(),
        bad.isEmpty() ? "" : bad.get(0));
  }

  private static boolean isGood(String status) {
    return status.startsWith("Success");
  }

  /**
   * Makes a batch of changes, all or none, and returns its id.
   *
   * @throws SdkException whatever went wrong: what it means depends on what is there now
   */
  String change(List<Change> changes) {
    return client
        .changeResourceRecordSets(
            r -> r.hostedZoneId(id).changeBatch(b -> b.comment("Whimbrel").changes(changes)))
        .changeInfo()
        .id();
  }

  /**
   * Waits until Route 53's own servers serve a change, or until waiting any longer makes no sense.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} if that may not be asked
   */
  void awaitInSync(String changeId) {
    Duration rest = FIRST_LOOK;
    long begun = System.nanoTime();
    while (!isInSync(changeId) && System.nanoTime() - begun < patienceLeft) {
      rest(rest);
      rest = rest.multipliedBy(2).compareTo(LONGEST_REST) < 0 ? rest.multipliedBy(2) : LONGEST_REST;
    }
    patienceLeft -= System.nanoTime() - begun;
  }

  private static void rest(Duration time) {
    try {
      Thread.sleep(time.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw Failures.transientFailure("Interrupted: this worker is stopping");
    }
  }

  /** Also where it cannot be said: asking on would only add to the trouble. */
  private boolean isInSync(String changeId) {
    String change = ZoneNames.id(changeId);
    try {
      return client.getChange(r -> r.id(change)).changeInfo().status() == ChangeStatus.INSYNC;
    } catch (SdkException e) {
      if (Refusals.mayPass(e)) {
        return true; // the change was made all the same, and the servers are asked next
      }
      throw refusals.report("GetChange", "change/" + change, e);
    }
  }

  RuntimeException report(String action, SdkException failure) {
    return refusals.report(action, resource(), failure);
  }

  private <T> T call(String action, String resource, Supplier<T> request) {
    try {
      return request.get();
    } catch (SdkException e) {
      throw refusals.report(action, resource, e);
    }
  }
}
