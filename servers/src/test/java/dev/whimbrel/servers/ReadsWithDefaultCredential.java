package dev.whimbrel.servers;

import com.azure.identity.DefaultAzureCredentialBuilder;
import com.azure.resourcemanager.dns.DnsZoneManager;
import com.azure.resourcemanager.dns.models.RecordType;

/** A program as anybody would write it: it reads a zone with the SDK's default credentials. */
final class ReadsWithDefaultCredential {
  private ReadsWithDefaultCredential() {}

  /** Prints every A record of the zone {@code args[1]} at the Resource Manager {@code args[0]}. */
  public static void main(String[] args) {
    DnsZoneManager.authenticate(
            new DefaultAzureCredentialBuilder().build(), AzureServiceTest.azureProfile(args[0]))
        .serviceClient()
        .getRecordSets()
        .listByType(AzureService.GROUP, args[1], RecordType.A)
        .forEach(
            set ->
                set.aRecords()
                    .forEach(a -> System.out.println(set.fqdn() + " " + a.ipv4Address())));
  }
}
