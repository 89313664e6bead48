package dev.whimbrel.azure;

import dev.whimbrel.activity.DnsMove;
import dev.whimbrel.dns.RegistryDns;
import dev.whimbrel.runbook.DnsSpec;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.AzureService;
import java.util.List;
import java.util.Map;

/** A worker in small: it finds a name's records at Azure DNS, with nothing but its environment. */
final class FindsRecords {
  private FindsRecords() {}

  /** Prints the records of {@code shop.example.test}, whose name server is {@code args[0]}. */
  public static void main(String[] args) {
    DnsSpec.Azure azure =
        new DnsSpec.Azure(
            AzureService.SUBSCRIPTION, AzureService.GROUP, "example.test", List.of(args[0]), null);
    DnsSpec dns =
        new DnsSpec(
            null,
            azure,
            null,
            List.of("shop.example.test"),
            new DnsSpec.Ttl(List.of(60), null),
            List.of());
    DnsMove move = new DnsMove("shop", dns, List.of("203.0.113.10"), List.of("198.51.100.20"));
    System.out.println(new RegistryDns(new Secrets(Map.of())).findRecords(move).records());
  }
}
