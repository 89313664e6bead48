package dev.whimbrel.lab;

import dev.whimbrel.servers.AzureService;
import dev.whimbrel.servers.DnsQuestion;
import java.util.List;
import java.util.Map;
import org.xbill.DNS.Record;

/** The name in a zone at Azure DNS, with Traffic Manager for weights, beside other records. */
final class AzureDnsZone implements LabZone {
  private static final String OTHER = "mail";

  private final AzureService service = AzureService.start(LabWorld.ZONE);
  private final int ttl;

  AzureDnsZone(int ttl) {
    this.ttl = ttl;
    service.record("shop", "A", ttl, Map.of("owner", "the shop's team"), LabWorld.SOURCE_ADDRESS);
    service.record(OTHER, "A", 300, "192.0.2.25", "192.0.2.24");
  }

  @Override
  public String entry() {
    return """
    dns:
      azure:
        subscription: %s
        resourceGroup: %s
        zone: %s
        authoritative: ["127.0.0.1:%d"]
        trafficManager: {}
      names: [%s]
      ttl: {lower: 1, restore: %d}
    """
        .formatted(
            AzureService.SUBSCRIPTION,
            AzureService.GROUP,
            LabWorld.ZONE,
            port(),
            LabWorld.NAME,
            ttl);
  }

  @Override
  public int port() {
    return service.dns().port();
  }

  @Override
  public List<Record> records(String name, String type) {
    return DnsQuestion.ask(port(), name, type);
  }

  @Override
  public String exact() {
    return service.recordSets("shop");
  }

  @Override
  public String bystanders() {
    return service.everythingBut("shop");
  }

  @Override
  public Map<String, String> environment() {
    return service.environment();
  }

  @Override
  public List<String> jvmOptions() {
    return AzureService.jvmOptions();
  }

  @Override
  public void close() {
    service.close();
  }
}
