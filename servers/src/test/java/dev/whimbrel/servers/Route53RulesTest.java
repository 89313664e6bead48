package dev.whimbrel.servers;

import static dev.whimbrel.servers.Route53Service.change;
import static dev.whimbrel.servers.Route53Service.simple;
import static dev.whimbrel.servers.Route53Service.weighted;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What Route 53 refuses; in each batch stands a good change, which is not made either. */
@Needs(Program.MINISTACK)
class Route53RulesTest {
  private static final String SHOP = "shop.example.test";
  private static Route53Service route53;

  @BeforeAll
  static void start() {
    route53 = Route53Service.zone("example.test");
    route53.somebodyElseWrites(SHOP, "A", 60, "203.0.113.10");
    route53.somebodyElseChanges(
        change("CREATE", weighted("split.example.test", "A", "a", 95, 60, "203.0.113.10")),
        change("CREATE", weighted("split.example.test", "A", "b", 5, 60, "198.51.100.20")));
  }

  @AfterAll
  static void stop() {
    route53.close();
  }

  static Stream<Arguments> refusals() {
    return Stream.of(
        arguments(
            "a weight above 255",
            change("CREATE", weighted("w.example.test", "A", "a", 256, 60, "192.0.2.1")),
            "InvalidInput",
            "less than or equal to 255"),
        arguments(
            "an IPv4 address that is none",
            change("CREATE", simple("w.example.test", "A", 60, "192.0.2.300")),
            "InvalidChangeBatch",
            "not a valid IPv4 address) encountered with '192.0.2.300'"),
        arguments(
            "an IPv6 address that is none",
            change("CREATE", simple("w.example.test", "AAAA", 60, "2001:db8::g")),
            "InvalidChangeBatch",
            "not a valid IPv6 address"),
        arguments(
            "a text without quotation marks",
            change("CREATE", simple("w.example.test", "TXT", 60, "hello")),
            "InvalidChangeBatch",
            "enclosed in quotation marks"),
        arguments(
            "the same value twice",
            change("CREATE", simple("w.example.test", "A", 60, "192.0.2.1", "192.0.2.1")),
            "InvalidChangeBatch",
            "Duplicate Resource Record"),
        arguments(
            "an alias beside an address",
            change("CREATE", simple(SHOP, "CNAME", 60, "lb.example.test")),
            "InvalidChangeBatch",
            "type CNAME with DNS name shop.example.test. is not permitted as it conflicts"),
        arguments(
            "an alias at the apex",
            change("CREATE", simple("example.test", "CNAME", 60, "lb.example.test")),
            "InvalidChangeBatch",
            "not permitted at apex"),
        arguments(
            "a weighted set beside a simple one",
            change("CREATE", weighted(SHOP, "A", "a", 1, 60, "192.0.2.1")),
            "InvalidChangeBatch",
            "because a non multi-answer rrset exists"),
        arguments(
            "a simple set beside weighted ones",
            change("CREATE", simple("split.example.test", "A", 60, "192.0.2.1")),
            "InvalidChangeBatch",
            "as other RRSets exist"),
        arguments(
            "a name outside of the zone",
            change("CREATE", simple("shop.example.org", "A", 60, "192.0.2.1")),
            "InvalidChangeBatch",
            "shop.example.org. is not permitted in zone example.test."),
        arguments(
            "another TTL in a weighted group",
            change("CREATE", weighted("split.example.test", "A", "c", 1, 30, "192.0.2.1")),
            "InvalidChangeBatch",
            "must have the same TTL, found 30 and 60"),
        arguments(
            "a health check that is not there",
            change(
                "CREATE",
                simple("w.example.test", "A", 60, "192.0.2.1")
                    .replace("<TTL>", "<HealthCheckId>none</HealthCheckId><TTL>")),
            "NoSuchHealthCheck",
            "id none does not exist"),
        arguments(
            "another value than the one to be deleted",
            change("DELETE", simple(SHOP, "A", 60, "192.0.2.99")),
            "InvalidChangeBatch",
            "values provided do not match"),
        arguments(
            "a set that is there already",
            change("CREATE", simple(SHOP, "A", 60, "192.0.2.99")),
            "InvalidChangeBatch",
            "already exists"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("refusals")
  void refusesWhatRoute53RefusesAndLeavesTheWholeBatchUndone(
      String what, String wrong, String code, String message) {
    List<String> before = route53.raw();

    assertThatThrownBy(
            () ->
                route53.somebodyElseChanges(
                    change("CREATE", simple("good.example.test", "A", 60, "192.0.2.1")), wrong))
        .as(what)
        .hasMessageContaining("<Code>" + code + "</Code>")
        .hasMessageContaining(message);

    assertThat(route53.raw()).isEqualTo(before);
  }
}
