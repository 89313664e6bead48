package dev.whimbrel.azure;

import com.azure.core.credential.TokenCredential;
import com.azure.core.http.HttpClient;
import com.azure.core.http.policy.FixedDelayOptions;
import com.azure.core.http.policy.RetryOptions;
import com.azure.core.management.AzureEnvironment;
import com.azure.core.management.profile.AzureProfile;
import com.azure.resourcemanager.resources.fluentcore.arm.AzureConfigurable;
import dev.whimbrel.activity.Failures;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;

/**
 * Whose credentials are used, at which of Azure's clouds. Keeps its tokens: one instance serves a
 * whole worker.
 */
public final class AzureAccount {
  /** Temporal tries again, and knows how long to wait: a second hand at it would hide failures. */
  private static final RetryOptions ONCE =
      new RetryOptions(new FixedDelayOptions(0, Duration.ofMillis(1)));

  private static final String AUTHORITY = "AZURE_AUTHORITY_HOST";

  private final TokenCredential credential;
  private final AzureEnvironment cloud;

  /** One for all clients: it keeps connections. */
  private final HttpClient http = HttpClient.createDefault();

  /** An account with credentials of its own, at any cloud. */
  public AzureAccount(TokenCredential credential, AzureEnvironment cloud) {
    this.credential = credential;
    this.cloud = cloud;
  }

  /**
   * The SDK's default chain of credentials (environment, workload identity, managed identity, Azure
   * CLI…), at the active cloud of Azure's own configuration in {@code $AZURE_CONFIG_DIR}, by
   * default {@code ~/.azure}. {@code AZURE_AUTHORITY_HOST}, as AKS sets it, leads to another
   * authority for tokens; whether Microsoft's public directory has to know that one is said by
   * {@code az config set core.instance_discovery=false}.
   *
   * @param environment the process's variables
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} if the configuration, or that
   *     variable, cannot be used
   */
  public static AzureAccount ofEnvironment(Map<String, String> environment) {
    String named = environment.getOrDefault("AZURE_CONFIG_DIR", "");
    Path directory =
        named.isBlank() ? Path.of(System.getProperty("user.home"), ".azure") : Path.of(named);
    AzureEnvironment cloud = AzureClouds.active(directory);
    return new AzureAccount(
        new DefaultCredential(
            authority(cloud, environment.getOrDefault(AUTHORITY, "")),
            AzureClouds.validatesAuthority(directory, environment),
            ONCE),
        cloud);
  }

  /** Who is asked for tokens, where somebody else may be named than the cloud's own. */
  private static String authority(AzureEnvironment cloud, String named) {
    if (named.isBlank()) {
      return cloud.getActiveDirectoryEndpoint();
    }
    if (!isAddress(named)) {
      throw Failures.needsHelp(
          "%s is %s, which is no address that begins with https:// and names a host"
              .formatted(AUTHORITY, named),
          "correct the variable on this worker, or leave it out to ask the directory of its cloud, and start the worker again",
          "export %s=%s".formatted(AUTHORITY, cloud.getActiveDirectoryEndpoint()));
    }
    return named;
  }

  private static boolean isAddress(String text) {
    try {
      URI address = new URI(text);
      return "https".equals(address.getScheme()) && address.getHost() != null;
    } catch (URISyntaxException e) {
      return false;
    }
  }

  public TokenCredential credential() {
    return credential;
  }

  /** Where a subscription is managed. */
  public AzureProfile profile(String subscription) {
    return new AzureProfile(null, subscription, cloud);
  }

  /** Settings for a client of the SDK: {@code account.configured(DnsZoneManager.configure())}. */
  public <T extends AzureConfigurable<T>> T configured(T client) {
    return client.withHttpClient(http).withRetryOptions(ONCE);
  }
}
