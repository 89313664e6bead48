package dev.whimbrel.lab;

import dev.whimbrel.servers.Route53Service;
import dev.whimbrel.servers.UnboundServer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.xbill.DNS.Record;

/** The name in a hosted zone at Route 53, beside somebody else's records. */
final class Route53Zone implements LabZone {
  private final Route53Service service = Route53Service.zone(LabWorld.ZONE);
  private final int ttl;
  private final List<UnboundServer> resolvers = new ArrayList<>();

  Route53Zone(int ttl, int resolverCount) {
    this.ttl = ttl;
    service.somebodyElseWrites(LabWorld.NAME, "A", ttl, LabWorld.SOURCE_ADDRESS);
    service.somebodyElseWrites("mail." + LabWorld.ZONE, "A", 300, "192.0.2.25", "192.0.2.24");
    boolean complete = false;
    try {
      for (int i = 0; i < resolverCount; i++) {
        resolvers.add(UnboundServer.inFrontOf(LabWorld.ZONE, port()));
      }
      complete = true;
    } finally {
      if (!complete) {
        close();
      }
    }
  }

  @Override
  public String entry() {
    return """
    dns:
      route53: {zone: %s, authoritative: ["127.0.0.1:%d"]}
      names: [%s]
      resolvers: [%s]
      ttl: {lower: 1, restore: %d}
    """
        .formatted(
            service.zoneId(),
            port(),
            LabWorld.NAME,
            resolvers.stream()
                .map(each -> "\"127.0.0.1:%d\"".formatted(each.port()))
                .collect(Collectors.joining(", ")),
            ttl);
  }

  @Override
  public int port() {
    return service.dnsPort();
  }

  @Override
  public List<Record> records(String name, String type) {
    return service.records(name, type);
  }

  @Override
  public List<UnboundServer> resolvers() {
    return resolvers;
  }

  @Override
  public String exact() {
    return String.join("\n", service.raw(LabWorld.NAME));
  }

  @Override
  public String bystanders() {
    return String.join("\n", service.raw("mail." + LabWorld.ZONE));
  }

  @Override
  public Map<String, String> environment() {
    return Map.of(
        "AWS_ENDPOINT_URL_ROUTE_53", service.endpoint().toString(),
        "AWS_REGION", "us-east-1",
        "AWS_ACCESS_KEY_ID", "lab",
        "AWS_SECRET_ACCESS_KEY", "lab");
  }

  @Override
  public void close() {
    resolvers.forEach(UnboundServer::close);
    service.close();
  }
}
