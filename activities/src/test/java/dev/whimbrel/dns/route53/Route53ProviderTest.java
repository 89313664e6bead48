package dev.whimbrel.dns.route53;

import static dev.whimbrel.dns.route53.Route53Fixture.helpFrom;
import static dev.whimbrel.servers.Route53Service.alias;
import static dev.whimbrel.servers.Route53Service.change;
import static dev.whimbrel.servers.Route53Service.simple;
import static dev.whimbrel.servers.Route53Service.weighted;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.dns.DnsProvider.Change;
import dev.whimbrel.dns.Mark;
import dev.whimbrel.dns.NameState;
import dev.whimbrel.dns.NameState.Split;
import dev.whimbrel.runbook.DnsSpec;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import dev.whimbrel.servers.Route53Front;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import software.amazon.awssdk.auth.credentials.AnonymousCredentialsProvider;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.route53.Route53Client;

/** What is read, written and put back, each name in one zone by itself. */
@Needs(Program.MINISTACK)
@ResourceLock(Route53Fixture.LOCK)
class Route53ProviderTest {
  private static Route53Fixture zone;
  private static Route53Client client;
  private static int number;

  private String name = "";

  @BeforeAll
  static void start() {
    zone = new Route53Fixture();
    client =
        client(
            StaticCredentialsProvider.create(AwsBasicCredentials.create("AKIAEXAMPLE", "example")));
  }

  @AfterAll
  static void stop() {
    client.close();
    zone.close();
  }

  @BeforeEach
  void ownName() {
    name = "n" + ++number + ".example.test";
  }

  @AfterEach
  void noBystanderWasTouched() {
    zone.route53.propagationTakes(Duration.ZERO);
    zone.route53.propagate();
    zone.route53.pageSize(300);
    zone.requireBystandersUntouched();
  }

  @Test
  void readsSetsInTheOrderInWhichTheyAreKept() {
    zone.serve(name);
    zone.route53.somebodyElseWrites(name, "MX", 300, "10 mail.example.test");

    NameState state = provider(null).read(name);

    assertThat(state)
        .isEqualTo(
            new NameState(
                name,
                List.of(
                    new RecordSet(name, "A", 3600, List.of("203.0.113.10", "203.0.113.9")),
                    new RecordSet(name, "AAAA", 1800, List.of("2001:db8:1::10"))),
                Optional.empty()));
  }

  @Test
  void putsBackWhatItHasNoWordForLetterByLetter() {
    String check = zone.route53.createHealthCheck();
    zone.route53.somebodyElseChanges(
        change(
            "CREATE",
            simple(name, "A", 300, "203.0.113.10", "203.0.113.9")
                .replace(
                    "</ResourceRecords>",
                    "</ResourceRecords><HealthCheckId>" + check + "</HealthCheckId>")),
        change("CREATE", simple(name, "AAAA", 300, "2001:DB8:1:0:0:0:0:10", "2001:db8:1::9")));
    List<String> asFound = zone.route53.raw(name);
    Route53Provider provider = provider(null);
    NameState found = provider.read(name);

    NameState split = split(found, 25, "198.51.100.20", "2001:db8:2::20");
    assertThat(provider.change(found, split)).isEqualTo(Change.MADE);
    NameState read = provider.read(name);
    assertThat(provider.change(read, found)).isEqualTo(Change.MADE);

    assertThat(found.sets().get(0).extras()).containsEntry("health-check", check);
    assertThat(found.sets().get(1).values()).containsExactly("2001:db8:1::10", "2001:db8:1::9");
    assertThat(read).isEqualTo(split);
    assertThat(zone.route53.raw(name)).isEqualTo(asFound);
  }

  @Test
  void weighsAnAliasOfAwsAgainstAddressesAndPutsItBack() {
    zone.route53.elsewhere("lb.example.net", "203.0.113.80");
    zone.route53.somebodyElseChanges(
        change("CREATE", alias(name, "A", "Z35SXDOTRQ7X7K", "lb.example.net.", true)));
    List<String> asFound = zone.route53.raw(name);
    Route53Provider provider = provider(null);
    NameState found = provider.read(name);

    provider.change(found, split(found, 99, "198.51.100.20"));
    List<String> weighted = zone.route53.raw(name);
    List<String> answers = answers(200);
    provider.change(provider.read(name), found);

    assertThat(found.line()).isEqualTo("A alias of lb.example.net. (TTL 60)");
    assertThat(weighted)
        .hasSize(2)
        .anyMatch(set -> set.contains("<Weight>1</Weight><AliasTarget>") && !set.contains("<TTL>"));
    assertThat(answers).contains("198.51.100.20").isSubsetOf("198.51.100.20", "203.0.113.80");
    assertThat(zone.route53.raw(name)).isEqualTo(asFound);
    assertThat(answers(5)).containsOnly("203.0.113.80");
  }

  @Test
  void weighsHostNamesAgainstEachOther() {
    zone.route53.somebodyElseWrites(name, "CNAME", 60, "LB.Old.example.net");
    List<String> asFound = zone.route53.raw(name);
    Route53Provider provider = provider(null);
    NameState found = provider.read(name);

    provider.change(found, split(found, 50, "lb.new.example.net"));
    NameState read = provider.read(name);
    provider.change(read, found);

    assertThat(found.sets().get(0).values()).containsExactly("lb.old.example.net");
    assertThat(read.line())
        .isEqualTo("50 % CNAME lb.new.example.net beside CNAME lb.old.example.net (TTL 60)");
    assertThat(zone.route53.raw(name)).isEqualTo(asFound);
  }

  @Test
  void changesAddressesIntoAHostNameInOneBatch() {
    zone.serve(name);
    List<String> asFound = zone.route53.raw(name);
    Route53Provider provider = provider(null);
    NameState found = provider.read(name);
    int before = changes();

    provider.change(
        found,
        found.with(
            List.of(new RecordSet(name, "CNAME", 60, List.of("lb.new.example.net"))),
            Optional.of(Mark.next("shop"))));
    int there = changes() - before;
    provider.change(provider.read(name), found);

    assertThat(there).isEqualTo(1);
    assertThat(zone.route53.raw(name)).isEqualTo(asFound);
  }

  @Test
  void movesAWildcardAndFindsItsSetsOnAnyPage() {
    zone.route53.pageSize(1);
    String wildcard = "*." + name;
    zone.serve(wildcard);
    Route53Provider provider = provider("/hostedzone/" + zone.route53.zoneId(), null);

    NameState found = provider.read(wildcard);
    provider.change(found, split(found, 99, "198.51.100.20", "2001:db8:2::20"));

    assertThat(found.sets()).hasSize(2);
    assertThat(provider.read(wildcard).splits()).hasSize(2);
    assertThat(zone.route53.raw(wildcard)).hasSize(4);
  }

  @Test
  void changesNothingThatSomebodyElseHasChangedMeanwhile() {
    zone.serve(name);
    Route53Provider provider = provider(null);
    NameState found = provider.read(name);
    zone.route53.somebodyElseWrites(name, "AAAA", 300, "2001:db8:9::9");
    List<String> changed = zone.route53.raw(name);

    Change change = provider.change(found, split(found, 5, "198.51.100.20", "2001:db8:2::20"));

    assertThat(change).isEqualTo(Change.CONFLICT);
    assertThat(zone.route53.raw(name)).isEqualTo(changed);
  }

  @Test
  void anAttemptThatStoodStillDoesNotUndoTheUndo() {
    zone.serve(name);
    Route53Provider late = provider(null);
    NameState found = late.read(name);
    NameState marked = found.with(Optional.of(Mark.next("shop")));
    late.change(found, marked);
    Route53Front.Held held = zone.route53.front().hold("ChangeResourceRecordSets");
    CompletableFuture<Change> shift =
        CompletableFuture.supplyAsync(
            () -> late.change(marked, split(found, 99, "198.51.100.20", "2001:db8:2::20")));
    held.awaitArrival();

    Route53Provider undo = provider(null);
    NameState now = undo.read(name);
    Change undone = undo.change(now, now.with(Optional.of(Mark.next("shop"))));
    List<String> after = zone.route53.raw(name);
    held.release();

    assertThat(undone).isEqualTo(Change.MADE);
    assertThat(shift.join()).isEqualTo(Change.CONFLICT);
    assertThat(zone.route53.raw(name)).isEqualTo(after);
    assertThat(now.sets()).isEqualTo(found.sets());
  }

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
  void changesExactlyTheWeightsThatAreThereThoughTheyAreNoPercents() {
    zone.serve(name);
    Route53Provider provider = provider(null);
    NameState found = provider.read(name);
    provider.change(found, split(found, 25, "198.51.100.20", "2001:db8:2::20"));
    zone.route53.somebodyElseChanges(
        change("UPSERT", weighted(name, "A", "whimbrel-shop-target", 225, 3600, "198.51.100.20")));

    NameState read = provider.read(name);
    Change change = provider.change(read, found);

    assertThat(read.line()).startsWith("75 % A 198.51.100.20 beside");
    assertThat(change).isEqualTo(Change.MADE);
    assertThat(zone.served(name)).hasSize(3);
  }

  @ParameterizedTest
  @CsvSource({
    "<Region>eu-north-1</Region>, latency routing",
    "<Failover>PRIMARY</Failover>, failover routing",
    "<GeoLocation><CountryCode>SE</CountryCode></GeoLocation>, geolocation routing",
    "<MultiValueAnswer>true</MultiValueAnswer>, multivalue answers",
    "<Weight>3</Weight>, weights of somebody else's",
  })
  void leavesOtherRoutingPoliciesAlone(String policy, String words) {
    zone.route53.somebodyElseChanges(
        change(
            "CREATE",
            simple(name, "A", 60, "203.0.113.10")
                .replace("<TTL>", "<SetIdentifier>blue</SetIdentifier>" + policy + "<TTL>")));

    Failures.Help help = helpFrom(() -> provider(null).read(name));

    assertThat(help.cause())
        .isEqualTo(
            "%s A is answered by %s (SetIdentifier blue), which Whimbrel neither changes nor copies"
                .formatted(name, words));
  }

  @Test
  void leavesTheWeightsOfAnotherMigrationAlone() {
    zone.route53.somebodyElseChanges(
        change("CREATE", weighted(name, "A", "whimbrel-blog-source", 3, 60, "203.0.113.10")));

    assertThat(helpFrom(() -> provider(null).read(name)).cause())
        .isEqualTo(name + " A carries the weights of the migration blog");
  }

  @Test
  void leavesAMarkAloneThatSharesItsRecord() {
    zone.serve(name);
    zone.route53.somebodyElseWrites(
        Mark.nameFor(name), "TXT", 60, '"' + Mark.next("shop").text() + '"', "\"mine\"");

    assertThat(helpFrom(() -> provider(null).read(name)).cause())
        .startsWith("The TXT record _whimbrel." + name + " holds more than Whimbrel's mark: ");
  }

  @Test
  void attachesHealthChecksToWeightsOnly() {
    zone.serve(name);
    String source = zone.route53.createHealthCheck();
    String target = zone.route53.createHealthCheck();
    Route53Provider provider = provider(new DnsSpec.HealthChecks(source, target));
    List<String> asFound = zone.route53.raw(name);
    NameState found = provider.read(name);

    NameState split = split(found, 50, "198.51.100.20", "2001:db8:2::20");
    provider.change(found, split);
    List<String> weighted = zone.route53.raw(name);
    zone.route53.health(target, false);
    List<String> answers = answers(50);
    NameState read = provider.read(name);
    provider.change(read, found);

    assertThat(weighted)
        .allMatch(
            set -> set.contains("<HealthCheckId>" + (set.contains("-source<") ? source : target)));
    assertThat(read).isEqualTo(split);
    assertThat(answers).doesNotContain("198.51.100.20");
    assertThat(zone.route53.raw(name)).isEqualTo(asFound);
    assertThat(provider.findings(List.of(name), true).stream().map(finding -> finding.line()))
        .containsExactly(
            "healthcheck/" + source + ": 3 of 3 checkers are content with the source.",
            "healthcheck/"
                + target
                + ": 0 of 3 checkers are content with the target (Failure: Connection timed out."
                + " The endpoint or the internet connection is down, or requests are being blocked"
                + " by your firewall.): Route 53 sends nobody there, whatever the weights say."
                + " Fix: mend the target's stack or the health check before the first weight");
  }

  @Test
  void seesThatSomebodyTookAHealthCheckOff() {
    zone.serve(name);
    String target = zone.route53.createHealthCheck();
    Route53Provider provider = provider(new DnsSpec.HealthChecks(null, target));
    NameState found = provider.read(name);
    NameState split = split(found, 50, "198.51.100.20", "2001:db8:2::20");
    provider.change(found, split);
    zone.route53.somebodyElseChanges(
        change("UPSERT", weighted(name, "A", "whimbrel-shop-target", 50, 3600, "198.51.100.20")));

    NameState read = provider.read(name);

    assertThat(read.split("A").orElseThrow().target().extras())
        .isEqualTo(Map.of("attached-health-check", "none"));
    assertThat(provider.change(read, found)).isEqualTo(Change.MADE);
  }

  @Test
  void refusesTwoHealthChecksForOneRecord() {
    String own = zone.route53.createHealthCheck();
    zone.route53.somebodyElseChanges(
        change(
            "CREATE",
            simple(name, "A", 300, "203.0.113.10")
                .replace("<TTL>", "<HealthCheckId>" + own + "</HealthCheckId><TTL>")));
    Route53Provider provider = provider(new DnsSpec.HealthChecks("hc-source", null));
    NameState found = provider.read(name);

    Failures.Help help = helpFrom(() -> provider.change(found, split(found, 5, "198.51.100.20")));

    assertThat(help.cause())
        .isEqualTo(
            "%s A has the health check %s of its own, and dns.route53.healthChecks.source names hc-source"
                .formatted(name, own));
    assertThat(help.remedy())
        .isEqualTo(
            "leave dns.route53.healthChecks.source out of the runbook: the record's own stays with"
                + " it");
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

  @Test
  void waitsUntilAChangeIsInSyncButNotForEver() {
    zone.serve(name);
    zone.route53.propagationTakes(Duration.ofHours(1));
    Route53Provider provider =
        new Route53Provider(zone.spec(null), "shop", client, Duration.ofMillis(600));
    NameState found = provider.read(name);
    long begun = System.nanoTime();

    Change first = provider.change(found, split(found, 5, "198.51.100.20", "2001:db8:2::20"));
    Duration waited = Duration.ofNanos(System.nanoTime() - begun);
    Change second = provider.change(provider.read(name), found);

    assertThat(List.of(first, second)).containsOnly(Change.MADE);
    assertThat(waited).isGreaterThan(Duration.ofMillis(600));
    assertThat(zone.route53.front().journal("GetChange").size()).isGreaterThanOrEqualTo(3);
  }

  private Route53Provider provider(DnsSpec.@Nullable HealthChecks checks) {
    return provider(zone.spec(checks), client);
  }

  private Route53Provider provider(String zoneId, DnsSpec.@Nullable HealthChecks checks) {
    return provider(new DnsSpec.Route53(zoneId, checks, List.of()), client);
  }

  private static Route53Provider provider(DnsSpec.Route53 spec, Route53Client client) {
    return new Route53Provider(spec, "shop", client, Duration.ofSeconds(20));
  }

  /** The found sets beside the target's values, with a new mark. */
  private static NameState split(NameState found, int share, String... target) {
    List<Split> splits =
        found.sets().stream()
            .map(
                set ->
                    new Split(
                        share,
                        set,
                        new RecordSet(
                            set.name(),
                            set.type(),
                            set.ttl(),
                            List.of(target[found.sets().indexOf(set)]))))
            .toList();
    return new NameState(found.name(), List.of(), splits, Optional.of(Mark.next("shop")), Map.of());
  }

  private List<String> answers(int questions) {
    return IntStream.range(0, questions)
        .mapToObj(i -> zone.route53.records(name, "A").get(0).rdataToString())
        .toList();
  }

  private static int changes() {
    return zone.route53.front().journal("ChangeResourceRecordSets").size();
  }

  private static AwsCredentialsProvider credentials() {
    return StaticCredentialsProvider.create(AwsBasicCredentials.create("AKIAEXAMPLE", "example"));
  }

  private static Route53Client client(AwsCredentialsProvider credentials) {
    return client(credentials, zone.route53.endpoint());
  }

  private static Route53Client client(AwsCredentialsProvider credentials, URI endpoint) {
    return Route53Client.builder()
        .region(Region.AWS_GLOBAL)
        .endpointOverride(endpoint)
        .credentialsProvider(credentials)
        .httpClientBuilder(UrlConnectionHttpClient.builder())
        .build();
  }
}
