package dev.whimbrel.dns.route53;

import dev.whimbrel.dns.DnsProvider;
import dev.whimbrel.runbook.DnsSpec;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.route53.Route53Client;

/**
 * A worker's way to Amazon Route 53: credentials by the SDK's default chain, the endpoint by its
 * own configuration ({@code AWS_ENDPOINT_URL_ROUTE_53} and the like).
 */
public final class Route53Access {
  private static final Duration CONNECT = Duration.ofSeconds(5);

  /** One call; a batch is answered within a second or two. */
  private static final Duration ATTEMPT = Duration.ofSeconds(10);

  /** One call with the SDK's own attempts: a step has two minutes for all of its calls. */
  private static final Duration CALL = Duration.ofSeconds(40);

  private @Nullable Route53Client client;

  /** Access that begins with the first question. */
  public Route53Access() {}

  /**
   * The zone that a runbook names, for one step of a migration.
   *
   * @param migration the runbook's name
   */
  public DnsProvider provider(DnsSpec.Route53 spec, String migration) {
    return new Route53Provider(spec, migration, client(), HostedZone.PATIENCE);
  }

  /** One for all steps: it keeps connections and credentials, and takes calls from any thread. */
  private synchronized Route53Client client() {
    if (client == null) {
      client =
          Route53Client.builder()
              // Route 53 has one endpoint for the world.
              .region(Region.AWS_GLOBAL)
              .httpClientBuilder(
                  UrlConnectionHttpClient.builder()
                      .connectionTimeout(CONNECT)
                      .socketTimeout(ATTEMPT))
              .overrideConfiguration(c -> c.apiCallAttemptTimeout(ATTEMPT).apiCallTimeout(CALL))
              .build();
    }
    return client;
  }
}
