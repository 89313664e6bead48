package dev.whimbrel.dns.route53;

import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import dev.whimbrel.dns.Mark;
import dev.whimbrel.dns.NameState;
import dev.whimbrel.dns.NameState.Split;
import dev.whimbrel.runbook.DnsSpec;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.route53.Route53Client;

/** One zone for a class of tests, and for each of them a name of its own in it. */
abstract class OwnNames {
  static Route53Fixture zone;
  static Route53Client client;
  private static int number;

  String name = "";

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

  Route53Provider provider(DnsSpec.@Nullable HealthChecks checks) {
    return provider(zone.spec(checks), client);
  }

  Route53Provider provider(String zoneId, DnsSpec.@Nullable HealthChecks checks) {
    return provider(new DnsSpec.Route53(zoneId, checks, List.of()), client);
  }

  static Route53Provider provider(DnsSpec.Route53 spec, Route53Client client) {
    return new Route53Provider(spec, "shop", client, Duration.ofSeconds(20));
  }

  /** The found sets beside the target's values, with a new mark. */
  static NameState split(NameState found, int share, String... target) {
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

  List<String> answers(int questions) {
    return IntStream.range(0, questions)
        .mapToObj(i -> zone.route53.records(name, "A").get(0).rdataToString())
        .toList();
  }

  static int changes() {
    return zone.route53.front().journal("ChangeResourceRecordSets").size();
  }

  static AwsCredentialsProvider credentials() {
    return StaticCredentialsProvider.create(AwsBasicCredentials.create("AKIAEXAMPLE", "example"));
  }

  static Route53Client client(AwsCredentialsProvider credentials) {
    return client(credentials, zone.route53.endpoint());
  }

  static Route53Client client(AwsCredentialsProvider credentials, URI endpoint) {
    return Route53Client.builder()
        .region(Region.AWS_GLOBAL)
        .endpointOverride(endpoint)
        .credentialsProvider(credentials)
        .httpClientBuilder(UrlConnectionHttpClient.builder())
        .build();
  }
}
