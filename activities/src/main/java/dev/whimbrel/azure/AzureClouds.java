package dev.whimbrel.azure;

import com.azure.core.management.AzureEnvironment;
import dev.whimbrel.activity.Failures;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * The active cloud of Azure's own configuration, as {@code az cloud set} and {@code az cloud
 * register} write it: {@code config} names it, {@code clouds.config} describes those that are not
 * built in. Without a configuration it is the public cloud.
 */
final class AzureClouds {
  private static final Map<String, AzureEnvironment> BUILT_IN =
      Map.of(
          "AzureCloud", AzureEnvironment.AZURE,
          "AzureChinaCloud", AzureEnvironment.AZURE_CHINA,
          "AzureUSGovernment", AzureEnvironment.AZURE_US_GOVERNMENT);

  /** What Azure's configuration calls an endpoint, and what its SDK calls it. */
  private static final Map<String, String> ENDPOINTS =
      Map.of(
          "endpoint_resource_manager", "resourceManagerEndpointUrl",
          "endpoint_management", "managementEndpointUrl",
          "endpoint_active_directory", "activeDirectoryEndpointUrl",
          "endpoint_active_directory_resource_id", "activeDirectoryResourceId",
          "endpoint_active_directory_graph_resource_id", "activeDirectoryGraphResourceId",
          "endpoint_microsoft_graph_resource_id", "microsoftGraphResourceId",
          "suffix_storage_endpoint", "storageEndpointSuffix",
          "suffix_keyvault_dns", "keyVaultDnsSuffix",
          "suffix_sql_server_hostname", "sqlServerHostnameSuffix");

  /** What Python's ConfigParser reads as false. */
  private static final Set<String> NO = Set.of("false", "no", "off", "0");

  private AzureClouds() {}

  /**
   * The active cloud of a configuration directory.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} if it names a cloud that it
   *     does not describe, or cannot be read
   */
  static AzureEnvironment active(Path directory) {
    String name =
        sections(directory.resolve("config"))
            .getOrDefault("cloud", Map.of())
            .getOrDefault("name", "AzureCloud");
    Map<String, String> described =
        sections(directory.resolve("clouds.config")).getOrDefault(name, Map.of());
    AzureEnvironment builtIn = BUILT_IN.get(name);
    if (builtIn != null && !described.containsKey("endpoint_resource_manager")) {
      return builtIn;
    }
    if (!described.containsKey("endpoint_resource_manager")) {
      throw Failures.needsHelp(
          "Azure's configuration in %s names the cloud %s, and %s does not describe it"
              .formatted(directory, name, directory.resolve("clouds.config")),
          "register the cloud, or choose another one",
          "az cloud set --name AzureCloud");
    }
    Map<String, String> endpoints = new HashMap<>(AzureEnvironment.AZURE.getEndpoints());
    ENDPOINTS.forEach(
        (ours, theirs) -> {
          String value = described.get(ours);
          if (value != null) {
            endpoints.put(theirs, value);
          }
        });
    endpoints.put(
        "managementEndpointUrl",
        described.getOrDefault("endpoint_management", described.get("endpoint_resource_manager")));
    return new AzureEnvironment(endpoints);
  }

  /**
   * Whether Microsoft's public directory is asked if it knows the authority for tokens, as {@code
   * az config set core.instance_discovery=false} and {@code AZURE_CORE_INSTANCE_DISCOVERY} say. A
   * cloud of one's own is known to nobody there.
   */
  static boolean validatesAuthority(Path directory, Map<String, String> environment) {
    String said =
        environment.getOrDefault(
            "AZURE_CORE_INSTANCE_DISCOVERY",
            sections(directory.resolve("config"))
                .getOrDefault("core", Map.of())
                .getOrDefault("instance_discovery", "true"));
    return !NO.contains(said.strip().toLowerCase(Locale.ROOT));
  }

  /** An INI file as Python's ConfigParser writes it; empty where there is none. */
  private static Map<String, Map<String, String>> sections(Path file) {
    Map<String, Map<String, String>> sections = new LinkedHashMap<>();
    if (!Files.exists(file)) {
      return sections;
    }
    Map<String, String> section = new LinkedHashMap<>();
    try {
      for (String line : Files.readAllLines(file)) {
        String text = line.strip();
        if (text.startsWith("[") && text.endsWith("]")) {
          section = new LinkedHashMap<>();
          sections.put(text.substring(1, text.length() - 1).strip(), section);
        } else if (!text.startsWith("#") && !text.startsWith(";") && text.indexOf('=') > 0) {
          int equals = text.indexOf('=');
          section.put(text.substring(0, equals).strip(), text.substring(equals + 1).strip());
        }
      }
    } catch (IOException e) {
      throw Failures.needsHelp(
          "Cannot read Azure's configuration %s: %s".formatted(file, e.getClass().getSimpleName()),
          "let the worker's user read it",
          "ls -l " + file);
    }
    return sections;
  }
}
