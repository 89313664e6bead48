package dev.whimbrel.dns.route53;

import static dev.whimbrel.servers.Route53Service.change;
import static dev.whimbrel.servers.Route53Service.weighted;

import dev.whimbrel.FaultTable;
import dev.whimbrel.activity.DnsMove;
import dev.whimbrel.activity.DnsSnapshot;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.ShiftRequest;
import dev.whimbrel.activity.TtlRequest;
import dev.whimbrel.dns.RegistryDns;
import dev.whimbrel.runbook.DnsSpec;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Route53Front;
import dev.whimbrel.servers.Route53Service;
import io.temporal.failure.ApplicationFailure;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.assertj.core.api.Assertions;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.Record;

/**
 * A zone at the Route 53 stand-in with bystanders in it. Found by the SDK as any endpoint is: by a
 * system property, so that only one test class at a time may have one; see {@link #LOCK}.
 */
final class Route53Fixture implements AutoCloseable {
  /** For JUnit's ResourceLock. */
  static final String LOCK = "aws.endpointUrlRoute53";

  static final String SHOP = "shop.example.test";
  static final List<String> SOURCE = List.of("203.0.113.10", "203.0.113.9", "2001:db8:1::10");
  static final List<String> TARGET = List.of("198.51.100.20", "2001:db8:2::20");

  private static final Map<String, String> CREDENTIALS =
      Map.of("aws.accessKeyId", "AKIAEXAMPLE", "aws.secretAccessKey", "example");

  final Route53Service route53 = Route53Service.zone("example.test");
  final RegistryDns dns;
  private final List<String> bystanders;

  Route53Fixture() {
    System.setProperty(LOCK, route53.endpoint().toString());
    CREDENTIALS.forEach(System::setProperty);
    this.dns = new RegistryDns(new Secrets(Map.of()), Duration.ofMillis(50));
    route53.somebodyElseWrites("other.example.test", "A", 300, "192.0.2.7");
    route53.somebodyElseWrites("x." + SHOP, "CNAME", 300, "Other.example.test");
    route53.somebodyElseWrites("example.test", "MX", 300, "10 mail.example.test");
    route53.somebodyElseChanges(
        change("CREATE", weighted("www.example.test", "A", "blue", 10, 60, "192.0.2.8")),
        change("CREATE", weighted("www.example.test", "A", "green", 20, 60, "192.0.2.9")));
    this.bystanders = route53.raw();
  }

  /** Both families of the service at a name, with two values in no order and two TTLs. */
  void serve(String name) {
    route53.somebodyElseWrites(name, "A", 3600, "203.0.113.10", "203.0.113.9");
    route53.somebodyElseWrites(name, "AAAA", 1800, "2001:db8:1::10");
  }

  /** What the zone held before any test, as it is now. */
  List<String> bystanders() {
    return route53.raw().stream().filter(bystanders::contains).toList();
  }

  void requireBystandersUntouched() {
    Assertions.assertThat(bystanders()).isEqualTo(bystanders);
  }

  DnsSpec.Route53 spec(DnsSpec.@Nullable HealthChecks checks) {
    return new DnsSpec.Route53(route53.zoneId(), checks, List.of("127.0.0.1:" + route53.dnsPort()));
  }

  DnsMove move(String... names) {
    return move(spec(null), names);
  }

  DnsMove move(DnsSpec.Route53 spec, String... names) {
    return new DnsMove(
        "shop",
        new DnsSpec(
            spec, null, null, List.of(names), new DnsSpec.Ttl(List.of(60), null), List.of()),
        SOURCE,
        TARGET);
  }

  static ShiftRequest share(DnsMove move, DnsSnapshot found, int percent) {
    return ShiftRequest.of(move, found, percent);
  }

  static TtlRequest lower(DnsMove move, DnsSnapshot found) {
    return new TtlRequest(move, found, 60, false);
  }

  static TtlRequest restore(DnsMove move, DnsSnapshot found) {
    return new TtlRequest(move, found, 0, true);
  }

  /** What the zone's name server says: {@code 60 203.0.113.10}, sorted, IPv6 in its long form. */
  List<String> served(String name) {
    return Stream.of("A", "AAAA")
        .flatMap(type -> route53.records(name, type).stream())
        .map(Route53Fixture::line)
        .sorted()
        .toList();
  }

  private static String line(Record record) {
    return record.getTTL() + " " + record.rdataToString();
  }

  /** What a failed call tells a person. */
  static Failures.Help helpFrom(ThrowingCallable call) {
    ApplicationFailure failure = Assertions.catchThrowableOfType(ApplicationFailure.class, call);
    Assertions.assertThat(failure).as("no failure").isNotNull();
    Assertions.assertThat(failure.getType()).as(failure.getMessage()).isEqualTo("NeedsHelp");
    return failure.getDetails().get(Failures.Help.class);
  }

  /** Every call that was made has rows in the table of faults. */
  @Override
  public void close() {
    try (route53) {
      FaultTable.requireRows(
          route53.front().journal().stream().map(Route53Front.Call::operation).toList(), "route53");
    } finally {
      System.clearProperty(LOCK);
      // The credentials stay: a client of a test beside this one may have found them, and the SDK
      // looks nowhere else once it has found some.
    }
  }
}
