package dev.whimbrel.runbook;

import com.fasterxml.jackson.annotation.JsonFormat;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The service's names and where they are kept. Exactly one provider is set.
 *
 * @param rfc2136 a server that takes dynamic updates with TSIG
 * @param names every address record of a name moves together
 * @param ttl which TTL to rely on during the move, and which to leave behind
 * @param resolvers resolvers whose answers are watched beside the authoritative servers'
 */
public record DnsSpec(
    @Nullable Rfc2136 rfc2136,
    @JsonProperty(required = true) List<String> names,
    Ttl ttl,
    List<String> resolvers) {
  public DnsSpec {
    names = Defaults.list(names);
    ttl = Defaults.or(ttl, Ttl.DEFAULT);
    resolvers = Defaults.list(resolvers);
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
