package dev.whimbrel.lab;

import dev.whimbrel.servers.BindServer;
import dev.whimbrel.servers.UnboundServer;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.Record;

/**
 * The service's name and the servers that answer for it: a primary that takes the changes, and,
 * where asked for, a secondary that lags behind it with a resolver in front.
 */
final class LabNames implements LabZone {
  private final int ttl;
  private final BindServer primary;
  private @Nullable BindServer secondary;
  private @Nullable UnboundServer resolver;

  /**
   * Starts them.
   *
   * @param ttl the seconds for which the name may be kept before the move and after it
   * @param lagging whether there is a secondary, which sees a change only when it is started again
   */
  LabNames(int ttl, boolean lagging) {
    this.ttl = ttl;
    this.primary =
        BindServer.zone(LabWorld.ZONE)
            .record("shop %d IN A %s".formatted(ttl, LabWorld.SOURCE_ADDRESS))
            .start();
    boolean complete = !lagging;
    try {
      if (lagging) {
        secondary = BindServer.lagging(primary);
        resolver = UnboundServer.inFrontOf(secondary);
        complete = true;
      }
    } finally {
      if (!complete) {
        close();
      }
    }
  }

  BindServer primary() {
    return primary;
  }

  /** Lets the secondary see what the primary says by now. */
  void catchUp() {
    if (secondary == null) {
      throw new IllegalStateException("These names have no secondary");
    }
    secondary.kill9();
    secondary.start();
  }

  @Override
  public int port() {
    return primary.port();
  }

  @Override
  public List<Record> records(String name, String type) {
    return primary.records(name, type);
  }

  @Override
  public String exact() {
    return primary.records(LabWorld.NAME, "A").toString();
  }

  @Override
  public String bystanders() {
    return primary.records("ns1." + LabWorld.ZONE, "A").toString();
  }

  @Override
  public Map<String, String> environment() {
    return Map.of(LabWorld.TSIG_SECRET, primary.keySecret());
  }

  @Override
  public String entry() {
    return """
    dns:
      rfc2136:
        server: "127.0.0.1:%1$d"
        zone: %2$s
        key: {name: %3$s, algorithm: hmac-sha256, secret: "env:%4$s"}
        authoritative: ["127.0.0.1:%1$d"%5$s]
      names: [%6$s]
      resolvers: [%7$s]
      ttl: {lower: 1, restore: %8$d}
    """
        .formatted(
            primary.port(),
            LabWorld.ZONE,
            primary.keyName(),
            LabWorld.TSIG_SECRET,
            secondary == null ? "" : ", \"127.0.0.1:%d\"".formatted(secondary.port()),
            LabWorld.NAME,
            resolver == null ? "" : "\"127.0.0.1:%d\"".formatted(resolver.port()),
            ttl);
  }

  @Override
  public void close() {
    if (resolver != null) {
      resolver.close();
    }
    if (secondary != null) {
      secondary.close();
    }
    primary.close();
  }
}
