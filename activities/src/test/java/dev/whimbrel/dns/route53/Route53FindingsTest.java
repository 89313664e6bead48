package dev.whimbrel.dns.route53;

import static dev.whimbrel.dns.route53.Route53Fixture.helpFrom;
import static dev.whimbrel.servers.Route53Service.alias;
import static dev.whimbrel.servers.Route53Service.change;
import static dev.whimbrel.servers.Route53Service.simple;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.dns.Mark;
import dev.whimbrel.dns.NameState;
import dev.whimbrel.runbook.DnsSpec;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.ResourceLock;
import software.amazon.awssdk.auth.credentials.AnonymousCredentialsProvider;
import software.amazon.awssdk.services.route53.Route53Client;

/** What is found before anything is changed, and what Route 53 refuses. */
@Needs(Program.MINISTACK)
@ResourceLock(Route53Fixture.LOCK)
class Route53FindingsTest extends OwnNames {
  @Test
  void makesNoCallThatThePolicyForTheWorkersDoesNotAllow() throws IOException {
    zone.serve(name);
    String check = zone.route53.createHealthCheck();
    Route53Provider provider = provider(new DnsSpec.HealthChecks(null, check));
    NameState found = provider.read(name);
    provider.change(found, split(found, 5, "198.51.100.20", "2001:db8:2::20"));
    provider.findings(List.of(name), true);

    List<String> allowed = new ArrayList<>();
    for (JsonNode statement :
        new ObjectMapper()
            .readTree(Path.of("../deploy/aws/route53-policy.json").toFile())
            .get("Statement")) {
      JsonNode actions = statement.get("Action");
      (actions.isArray() ? actions : List.of(actions))
          .forEach(action -> allowed.add(action.asText()));
    }
    assertThat(
            zone.route53.front().journal().stream()
                .map(call -> "route53:" + call.operation())
                .distinct())
        .containsExactlyInAnyOrderElementsOf(allowed);
  }

  @Test
  void findsWhoElseAnswersForTheName() {
    zone.route53.somebodyElseChanges(
        change("CREATE", alias(name, "A", "Z35SXDOTRQ7X7K", "lb.example.net.", true)),
        change("CREATE", simple(name, "HTTPS", 60, "1 . alpn=h2 ipv4hint=203.0.113.10")));
    try (Route53Fixture other = new Route53Fixture()) {
      // A stand-in of its own, since the namesake stays.
      String namesake = other.route53.createPrivateZone();
      try (Route53Client elsewhere = client(credentials(), other.route53.endpoint())) {
        Route53Provider there = provider(other.spec(null), elsewhere);
        assertThat(there.findings(List.of(), true).get(0).line())
            .isEqualTo(
                "example.test: the private hosted zone "
                    + namesake
                    + " has the same name: whoever is answered from it sees nothing of this move."
                    + " Fix: if the names stand there too, change them there by hand at the same"
                    + " moments");
        Route53Provider hidden =
            provider(new DnsSpec.Route53(namesake, null, List.of()), elsewhere);
        assertThat(hidden.findings(List.of(), true).get(0).line())
            .startsWith(
                "hostedzone/"
                    + namesake
                    + ": is private to vpc-0a1b2c3d and has no name servers of its own");
        assertThat(helpFrom(hidden::authoritative).cause()).contains("is private");
      }
    } finally {
      System.setProperty(Route53Fixture.LOCK, zone.route53.endpoint().toString());
    }
    assertThat(
            provider(null).findings(List.of(name), false).stream().map(finding -> finding.line()))
        .containsExactly(
            name + ": A is an alias of lb.example.net.: its TTL is 60 s, and cannot be lowered.",
            name
                + ": has HTTPS records, which may name addresses of the source and are not moved."
                + " Fix: take ipv4hint and ipv6hint out of them for the time of the move");
  }

  @Test
  void namesTheServersOfTheDelegationSetWhereNoneIsListed() {
    assertThat(
            helpFrom(
                    () ->
                        provider(
                                new DnsSpec.Route53(zone.route53.zoneId(), null, List.of()), client)
                            .authoritative())
                .cause())
        .isEqualTo("Cannot use DNS server 'ns-1.awsdns-1.com': its address is not known here");
  }

  @Test
  void saysWhatRoute53RefusesInItsWords() {
    zone.serve(name);
    zone.route53.somebodyElseWrites(name, "MX", 300, "10 mail.example.test");
    Route53Provider provider = provider(null);
    NameState found = provider.read(name);

    Failures.Help help =
        helpFrom(
            () ->
                provider.change(
                    found,
                    found.with(
                        List.of(new RecordSet(name, "CNAME", 60, List.of("lb.example.net"))),
                        Optional.of(Mark.next("shop")))));

    assertThat(help.cause())
        .isEqualTo(
            "Route 53 refuses ChangeResourceRecordSets on hostedzone/%1$s: InvalidChangeBatch: [RRSet of type CNAME with DNS name %2$s. is not permitted as it conflicts with other records with the same DNS name in zone example.test.]"
                .formatted(zone.route53.zoneId(), name));
  }

  @Test
  void saysWhatIsWrongWithZoneNameAndCredentials() {
    assertThat(helpFrom(() -> provider(null).read("shop.example.org")).cause())
        .isEqualTo(
            "shop.example.org does not lie in the zone example.test ("
                + zone.route53.zoneId()
                + ")");
    assertThat(helpFrom(() -> provider("Z404", null).read(name)).cause())
        .isEqualTo("The hosted zone Z404 is not there, at least not in this account");
    try (Route53Client nobody = client(AnonymousCredentialsProvider.create())) {
      Failures.Help help = helpFrom(() -> provider(zone.spec(null), nobody).read(name));
      assertThat(help.cause())
          .isEqualTo(
              "Route 53 takes no credentials of this worker for GetHostedZone on hostedzone/"
                  + zone.route53.zoneId()
                  + ": MissingAuthenticationToken: Request is missing Authentication Token");
      assertThat(help.command()).isEqualTo("aws sts get-caller-identity");
    }
  }
}
