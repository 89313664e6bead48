package dev.whimbrel.dns.azure;

import com.azure.resourcemanager.trafficmanager.fluent.models.EndpointInner;
import com.azure.resourcemanager.trafficmanager.fluent.models.ProfileInner;
import com.azure.resourcemanager.trafficmanager.models.DnsConfig;
import com.azure.resourcemanager.trafficmanager.models.EndpointMonitorStatus;
import com.azure.resourcemanager.trafficmanager.models.EndpointStatus;
import com.azure.resourcemanager.trafficmanager.models.MonitorConfig;
import com.azure.resourcemanager.trafficmanager.models.MonitorProtocol;
import com.azure.resourcemanager.trafficmanager.models.ProfileStatus;
import com.azure.resourcemanager.trafficmanager.models.TrafficRoutingMethod;
import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import dev.whimbrel.dns.Health;
import dev.whimbrel.dns.NameState.Split;
import dev.whimbrel.runbook.DnsSpec;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What stands in a profile: one external endpoint an address, {@code source-1}, {@code target-1}.
 */
final class Endpoints {
  private static final String EXTERNAL =
      "Microsoft.Network/trafficManagerProfiles/externalEndpoints";
  private static final String SOURCE = "source-";
  private static final String TARGET = "target-";
  private static final String RETIRED = "whimbrel-retired";
  private static final DnsSpec.Probe USUAL = new DnsSpec.Probe("TCP", 443, null);

  /**
   * States in which Traffic Manager answers with the others; while it still checks, it does not.
   */
  private static final Set<EndpointMonitorStatus> LEFT_OUT =
      Set.of(
          EndpointMonitorStatus.DEGRADED,
          EndpointMonitorStatus.DISABLED,
          EndpointMonitorStatus.INACTIVE,
          EndpointMonitorStatus.STOPPED);

  private Endpoints() {}

  /** A profile that answers as a split says. */
  static ProfileInner profile(DnsSpec.Azure spec, String migration, String called, Split split) {
    List<String> sources = RecordSets.written(split.source());
    List<String> targets = RecordSets.written(split.target());
    Weights weights = Weights.of(split.share(), sources.size(), targets.size());
    List<EndpointInner> endpoints = new ArrayList<>();
    for (int i = 0; i < sources.size(); i++) {
      endpoints.add(endpoint(SOURCE + (i + 1), sources.get(i), weights.source()));
    }
    for (int i = 0; i < targets.size(); i++) {
      endpoints.add(endpoint(TARGET + (i + 1), targets.get(i), weights.target()));
    }
    ProfileInner profile =
        new ProfileInner()
            .withProfileStatus(ProfileStatus.ENABLED)
            .withTrafficRoutingMethod(TrafficRoutingMethod.WEIGHTED)
            .withDnsConfig(
                new DnsConfig()
                    .withRelativeName(domain(spec, called))
                    .withTtl((long) split.source().ttl()))
            .withMonitorConfig(monitor(spec))
            .withEndpoints(endpoints);
    profile.withLocation("global").withTags(Map.of(Profiles.TAG, migration));
    return profile;
  }

  /** The same profile with one side disabled, since when it is of no more use. */
  static ProfileInner oneSided(ProfileInner profile, boolean target, Instant since) {
    String serving = target ? TARGET : SOURCE;
    profile
        .endpoints()
        .forEach(
            each ->
                each.withEndpointStatus(
                    each.name().startsWith(serving)
                        ? EndpointStatus.ENABLED
                        : EndpointStatus.DISABLED));
    Map<String, String> tags = new HashMap<>(profile.tags());
    tags.put(RETIRED, Long.toString(since.getEpochSecond()));
    profile.withTags(tags);
    return profile;
  }

  /** Since when it is of no more use. */
  static Optional<Instant> retired(ProfileInner profile) {
    return Optional.ofNullable(profile.tags().get(RETIRED))
        .map(seconds -> Instant.ofEpochSecond(Long.parseLong(seconds)));
  }

  /** What a profile answers, as a split: the share follows from the weights. */
  static Split split(
      String name, String type, int ttl, Map<String, String> extras, ProfileInner p) {
    List<EndpointInner> all =
        p.endpoints().stream().sorted(Comparator.comparingInt(Endpoints::number)).toList();
    List<String> sources = targets(all, SOURCE);
    List<String> targets = targets(all, TARGET);
    return new Split(
        Weights.share(weight(all, SOURCE), weight(all, TARGET)),
        RecordSets.withValues(name, type, ttl, sources, extras),
        new RecordSet(name, type, ttl, targets));
  }

  /** What the probes say of a profile: whether an endpoint of it is left out. */
  static Health health(String called, ProfileInner profile) {
    boolean out =
        profile.endpoints().stream()
            .map(EndpointInner::endpointMonitorStatus)
            .anyMatch(LEFT_OUT::contains);
    // Where nothing else is left, Traffic Manager answers with all that is degraded.
    boolean allOut =
        profile.endpoints().stream()
            .map(EndpointInner::endpointMonitorStatus)
            .allMatch(EndpointMonitorStatus.DEGRADED::equals);
    boolean known =
        profile.endpoints().stream()
            .map(EndpointInner::endpointMonitorStatus)
            .allMatch(EndpointMonitorStatus.ONLINE::equals);
    Health.State state = out ? Health.State.OUT : Health.State.NOT_KNOWN;
    return new Health(
        allOut ? Health.State.ALL_OUT : known ? Health.State.SERVED : state,
        "probes of %s: %s".formatted(called, health(profile)));
  }

  /** {@code target-1 Online, source-1 Degraded}: what the probes have found. */
  static String health(ProfileInner profile) {
    return profile.endpoints().stream()
        .sorted(Comparator.comparing(EndpointInner::name))
        .map(each -> each.name() + " " + each.endpointMonitorStatus())
        .collect(Collectors.joining(", "));
  }

  /** Whether both answer alike and carry the same tags. */
  static boolean same(ProfileInner one, ProfileInner other) {
    return alike(one, other) && one.tags().equals(other.tags());
  }

  /** Whether both answer alike. */
  static boolean alike(ProfileInner one, ProfileInner other) {
    return answers(one).equals(answers(other))
        && one.dnsConfig().ttl().equals(other.dnsConfig().ttl());
  }

  /**
   * What of a profile that was just made is not as it was asked for: its DNS name or its probes,
   * which no weights change. Empty where all is.
   */
  static String difference(ProfileInner wanted, ProfileInner found) {
    List<String> differences = new ArrayList<>();
    compare("DNS name", domainOf(wanted), domainOf(found), differences);
    compare("probes", probes(wanted), probes(found), differences);
    return String.join("; ", differences);
  }

  private static void compare(String what, String wanted, String found, List<String> differences) {
    if (!wanted.equalsIgnoreCase(found)) {
      differences.add("%s: expected %s, found %s".formatted(what, wanted, found));
    }
  }

  private static String domainOf(ProfileInner profile) {
    return profile.dnsConfig() == null
        ? "none"
        : String.valueOf(profile.dnsConfig().relativeName());
  }

  private static String probes(ProfileInner profile) {
    MonitorConfig monitor = profile.monitorConfig();
    if (monitor == null) {
      return "none";
    }
    return "%s %d%s"
        .formatted(
            monitor.protocol(),
            monitor.port(),
            monitor.path() == null || monitor.path().isEmpty() ? "" : " " + monitor.path());
  }

  private static Map<String, String> answers(ProfileInner profile) {
    return profile.endpoints().stream()
        .collect(
            Collectors.toMap(
                EndpointInner::name,
                each -> "%s %d %s".formatted(each.target(), each.weight(), each.endpointStatus())));
  }

  private static List<String> targets(List<EndpointInner> all, String side) {
    return all.stream()
        .filter(each -> each.name().startsWith(side))
        .map(EndpointInner::target)
        .toList();
  }

  private static long weight(List<EndpointInner> all, String side) {
    return all.stream()
        .filter(each -> each.name().startsWith(side))
        .filter(each -> EndpointStatus.ENABLED.equals(each.endpointStatus()))
        .mapToLong(EndpointInner::weight)
        .sum();
  }

  private static int number(EndpointInner endpoint) {
    String digits = endpoint.name().replaceAll("\\D", "");
    return digits.isEmpty() ? 0 : Integer.parseInt(digits);
  }

  private static EndpointInner endpoint(String called, String target, long weight) {
    return new EndpointInner()
        .withName(called)
        .withType(EXTERNAL)
        .withTarget(target)
        .withWeight(weight)
        .withEndpointStatus(EndpointStatus.ENABLED);
  }

  private static MonitorConfig monitor(DnsSpec.Azure spec) {
    DnsSpec.Probe probe =
        spec.trafficManager() == null || spec.trafficManager().probe() == null
            ? USUAL
            : spec.trafficManager().probe();
    MonitorProtocol protocol = MonitorProtocol.fromString(probe.protocol());
    MonitorConfig monitor =
        new MonitorConfig().withProtocol(protocol).withPort(probe.port().longValue());
    return MonitorProtocol.TCP.equals(protocol)
        ? monitor
        : monitor.withPath(probe.path() == null ? "/" : probe.path());
  }

  /** All of Azure's customers share one domain: the zone's place tells ours apart, always alike. */
  private static String domain(DnsSpec.Azure spec, String called) {
    String place =
        spec.subscription() + "/" + spec.resourceGroup() + "/" + spec.zone() + "/" + called;
    try {
      byte[] hash =
          MessageDigest.getInstance("SHA-256").digest(place.getBytes(StandardCharsets.UTF_8));
      return called.substring(0, Math.min(called.length(), 50))
          + "-"
          + HexFormat.of().formatHex(hash, 0, 5);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every JDK has SHA-256", e);
    }
  }
}
