package dev.whimbrel.runbook;

import com.fasterxml.jackson.annotation.JsonFormat;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The service's names and where they are kept. Exactly one provider is set.
 *
 * @param route53 a hosted zone at Amazon Route 53
 * @param azure a zone at Azure DNS
 * @param rfc2136 a server that takes dynamic updates with TSIG
 * @param names every address record of a name moves together
 * @param ttl which TTL to rely on during the move, and which to leave behind
 * @param resolvers resolvers whose answers are watched beside the authoritative servers'
 */
public record DnsSpec(
    @Nullable Route53 route53,
    @Nullable Azure azure,
    @Nullable Rfc2136 rfc2136,
    @JsonProperty(required = true) List<String> names,
    Ttl ttl,
    List<String> resolvers) {
  public DnsSpec {
    names = Defaults.list(names);
    ttl = Defaults.or(ttl, Ttl.DEFAULT);
    resolvers = Defaults.list(resolvers);
  }

  /** Where the zone is kept, in the runbook's word. */
  public String provider() {
    return route53 != null ? "route53" : azure != null ? "azure" : "rfc2136";
  }

  /** The TTL in seconds that is in force during the move. */
  public int ttlInForce() {
    return ttl.lower().get(ttl.lower().size() - 1);
  }

  /**
   * A hosted zone at Amazon Route 53, with the SDK's default credentials.
   *
   * @param zone the hosted zone's id, such as {@code Z123}
   * @param healthChecks health checks that are attached to weighted records
   * @param authoritative servers to ask, {@code host:port}; by default the zone's delegation set
   */
  public record Route53(
      @JsonProperty(required = true) String zone,
      @Nullable HealthChecks healthChecks,
      List<String> authoritative) {
    public Route53 {
      authoritative = Defaults.list(authoritative);
    }
  }

  /**
   * Health checks at Route 53.
   *
   * @param source id of the one for the source's stack
   * @param target id of the one for the target's stack
   */
  public record HealthChecks(@Nullable String source, @Nullable String target) {}

  /**
   * A zone at Azure DNS, with the SDK's default credentials.
   *
   * @param subscription the subscription's id
   * @param resourceGroup the zone's resource group
   * @param zone the zone
   * @param authoritative servers to ask, {@code host:port}; by default the zone's name servers
   * @param trafficManager what answers by weight; without it, a canary by DNS is refused
   */
  public record Azure(
      @JsonProperty(required = true) String subscription,
      @JsonProperty(required = true) String resourceGroup,
      @JsonProperty(required = true) String zone,
      List<String> authoritative,
      @Nullable TrafficManager trafficManager) {
    public Azure {
      authoritative = Defaults.list(authoritative);
    }
  }

  /**
   * Profiles of Azure Traffic Manager, made for the migration and deleted with it.
   *
   * @param resourceGroup where they are made; by default the zone's resource group
   * @param probe how Traffic Manager looks at both stacks; by default TCP on port 443
   */
  public record TrafficManager(@Nullable String resourceGroup, @Nullable Probe probe) {}

  /**
   * A probe of Azure Traffic Manager.
   *
   * @param protocol {@code HTTPS}, {@code HTTP} or {@code TCP}
   * @param port where it is sent to; 443
   * @param path what is asked for; {@code /}, and nothing for TCP
   */
  public record Probe(String protocol, Integer port, @Nullable String path) {
    public Probe {
      protocol = Defaults.or(protocol, "TCP");
      port = Defaults.or(port, 443);
    }
  }

  /**
   * A server that takes dynamic updates (RFC 2136).
   *
   * @param server {@code host:port}
   * @param zone the zone that holds the names
   * @param key the TSIG key; absent where the server trusts the address
   * @param authoritative servers to ask, {@code host:port}; by default the zone's NS records
   */
  public record Rfc2136(
      @JsonProperty(required = true) String server,
      @JsonProperty(required = true) String zone,
      @Nullable TsigKey key,
      List<String> authoritative) {
    public Rfc2136 {
      authoritative = Defaults.list(authoritative);
    }
  }

  /**
   * A TSIG key (RFC 8945).
   *
   * @param name the key's name on the server
   * @param algorithm such as {@code hmac-sha256}
   * @param secret reference to the base64 secret
   */
  public record TsigKey(
      @JsonProperty(required = true) String name,
      @JsonProperty(required = true) String algorithm,
      @JsonProperty(required = true) String secret) {}

  /**
   * TTLs in seconds.
   *
   * @param lower the TTL during the move, or several to go down in steps
   * @param restore the TTL afterwards; the one that was found when absent
   */
  public record Ttl(
      @JsonFormat(with = JsonFormat.Feature.ACCEPT_SINGLE_VALUE_AS_ARRAY) List<Integer> lower,
      @Nullable Integer restore) {
    static final Ttl DEFAULT = new Ttl(List.of(60), null);

    public Ttl {
      lower = lower == null || lower.isEmpty() ? List.of(60) : List.copyOf(lower);
    }
  }
}
