package dev.whimbrel.servers;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * Azure on this machine: Resource Manager with Azure DNS and Traffic Manager, the tokens, and name
 * servers that answer for the zone from the same state. A program that has {@link #environment} and
 * {@link #jvmOptions} uses it as it would use Azure.
 */
public final class AzureService implements AutoCloseable {
  /** The subscription that everything lies in. */
  public static final String SUBSCRIPTION = "00000000-0000-0000-0000-00000000abcd";

  /** The resource group of the zone. */
  public static final String GROUP = "dns-rg";

  private final String zone;
  private final ArmId zoneId;
  private final ManagedIdentity identity = ManagedIdentity.start();
  private final AzureTrafficManager traffic = new AzureTrafficManager();
  private final AzureDnsZones zones = new AzureDnsZones(traffic::profile);
  private final ArmServer arm;
  private final DnsAnswers dns;
  private final Path configuration = Directories.temporary("azure");

  private AzureService(String zone, List<ArmResources> more) {
    this.zone = zone;
    this.zoneId = new ArmId(SUBSCRIPTION, GROUP, "microsoft.network/dnszones", List.of(zone));
    List<ArmResources> resources = new ArrayList<>(List.of(zones, traffic));
    resources.addAll(more);
    this.arm = ArmServer.start(identity, resources);
    arm.resourceGroup(SUBSCRIPTION, GROUP);
    zones.create(zoneId);
    traffic.whenGone(zones::profileGone);
    this.dns = DnsAnswers.start(new AzureAnswers(zones, traffic));
    writeConfiguration();
  }

  /**
   * Starts everything, with one zone.
   *
   * @param more what else there is to manage, such as machines
   */
  public static AzureService start(String zone, ArmResources... more) {
    return new AzureService(zone, List.of(more));
  }

  /** Resource Manager itself: faults, journal, resource groups. */
  public ArmServer arm() {
    return arm;
  }

  /** The profiles, and what their probes find. */
  public AzureTrafficManager traffic() {
    return traffic;
  }

  /** Whose tokens are good. */
  public ManagedIdentity identity() {
    return identity;
  }

  /** The name servers. */
  public DnsAnswers dns() {
    return dns;
  }

  /**
   * What a child process needs in its environment, so that the SDK's default credentials and the
   * active cloud of Azure's own configuration lead here.
   */
  public Map<String, String> environment() {
    Map<String, String> environment = new TreeMap<>(identity.environment());
    environment.put("AZURE_CONFIG_DIR", configuration.toString());
    return environment;
  }

  /** What a JVM needs to trust the local certificate. */
  public static List<String> jvmOptions() {
    LocalCertificate certificate = LocalCertificate.make();
    return List.of(
        "-Djavax.net.ssl.trustStore=" + certificate.trustStore(),
        "-Djavax.net.ssl.trustStorePassword=" + certificate.trustStorePassword(),
        "-Djavax.net.ssl.trustStoreType=PKCS12");
  }

  /** Azure's configuration directory, as its command line writes it. */
  public Path configuration() {
    return configuration;
  }

  /** Somebody writes a record set with these values; the relative name is {@code @} at the top. */
  public void record(String name, String type, int ttl, String... values) {
    record(name, type, ttl, Map.of(), values);
  }

  /** The same with metadata beside it. */
  public void record(
      String name, String type, int ttl, Map<String, String> metadata, String... values) {
    ObjectNode properties = ArmAnswer.JSON.createObjectNode();
    if (!metadata.isEmpty()) {
      new TreeMap<>(metadata).forEach(properties.putObject("metadata")::put);
    }
    properties.put("TTL", ttl);
    switch (type) {
      case "A" -> {
        for (String value : values) {
          properties.withArray("ARecords").addObject().put("ipv4Address", value);
        }
      }
      case "AAAA" -> {
        for (String value : values) {
          properties.withArray("AAAARecords").addObject().put("ipv6Address", value);
        }
      }
      case "CNAME" -> properties.putObject("CNAMERecord").put("cname", values[0]);
      case "TXT" -> {
        for (String value : values) {
          properties.withArray("TXTRecords").addObject().putArray("value").add(value);
        }
      }
      default -> throw new IllegalArgumentException("Cannot write a record set of type " + type);
    }
    zones.write(zoneId, type, name, properties);
  }

  /** Somebody removes a record set. */
  public void erase(String name, String type) {
    zones.erase(zoneId, type, name);
  }

  /**
   * The record sets of a relative name as they are now, in JSON, without their etags: two of these
   * are equal when everything is as it was.
   */
  public String recordSets(String name) {
    return zones.sets(zoneId, name).stream()
        .map(JsonNode::toPrettyString)
        .collect(Collectors.joining("\n"));
  }

  /** All of the zone but one name and its mark, in JSON, to see that nothing else was touched. */
  public String everythingBut(String... names) {
    List<String> left = List.of(names);
    return zones.content().getOrDefault(zone, Map.of()).values().stream()
        .filter(set -> !left.contains(set.path("name").asText()))
        .map(JsonNode::toPrettyString)
        .collect(Collectors.joining("\n"));
  }

  private void writeConfiguration() {
    String cloud =
        """
        [Whimbrel]
        endpoint_resource_manager = %1$s
        endpoint_management = %1$s
        endpoint_active_directory = %1$s
        endpoint_active_directory_resource_id = https://management.azure.com/
        endpoint_active_directory_graph_resource_id = https://graph.microsoft.com/
        suffix_storage_endpoint = localhost
        suffix_keyvault_dns = .localhost
        """
            .formatted(arm.address());
    try {
      Files.writeString(configuration.resolve("config"), "[cloud]\nname = Whimbrel\n");
      Files.writeString(configuration.resolve("clouds.config"), cloud);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    dns.close();
    arm.close();
    identity.close();
    Directories.delete(configuration);
  }
}
