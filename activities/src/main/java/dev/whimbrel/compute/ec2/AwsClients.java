package dev.whimbrel.compute.ec2;

import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.awscore.client.builder.AwsClientBuilder;
import software.amazon.awssdk.awscore.retry.AwsRetryStrategy;
import software.amazon.awssdk.core.client.config.ClientOverrideConfiguration;
import software.amazon.awssdk.core.exception.SdkClientException;
import software.amazon.awssdk.http.SdkHttpClient;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.profiles.ProfileFile;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.regions.providers.DefaultAwsRegionProviderChain;
import software.amazon.awssdk.retries.api.BackoffStrategy;
import software.amazon.awssdk.services.ec2.Ec2Client;
import software.amazon.awssdk.services.servicequotas.ServiceQuotasClient;
import software.amazon.awssdk.services.sts.StsClient;

/**
 * Clients of AWS by region, made when they are first needed. Credentials and endpoints come from
 * the SDK's own configuration: environment, profiles, the machine's role.
 */
public final class AwsClients {
  /** One try of one call; a launch takes seconds. */
  private static final Duration TRY = Duration.ofSeconds(30);

  /** A call with the SDK's own retries. */
  private static final Duration CALL = Duration.ofSeconds(90);

  private final SdkHttpClient http =
      UrlConnectionHttpClient.builder()
          .connectionTimeout(Duration.ofSeconds(5))
          .socketTimeout(TRY)
          .build();
  private final @Nullable Supplier<ProfileFile> profiles;
  private final @Nullable Duration pause;
  private final Map<String, Ec2Client> ec2 = new ConcurrentHashMap<>();
  private final Map<String, Ec2Client> once = new ConcurrentHashMap<>();
  private final Map<String, StsClient> sts = new ConcurrentHashMap<>();
  private final Map<String, ServiceQuotasClient> quotas = new ConcurrentHashMap<>();

  /** Clients by the SDK's default chains. */
  public AwsClients() {
    this(null, null);
  }

  /**
   * Clients that read another profile file than the usual one.
   *
   * @param profiles null: the usual one
   * @param pause between two tries of one call; null: the SDK's own, which grow to seconds
   */
  public AwsClients(@Nullable Supplier<ProfileFile> profiles, @Nullable Duration pause) {
    this.profiles = profiles;
    this.pause = pause;
  }

  /** For calls that may be made twice: the SDK retries what is throttled, failed or lost. */
  Ec2Client ec2(String region) {
    return ec2.computeIfAbsent(region, each -> build(Ec2Client.builder(), each, true));
  }

  /** For calls that make something each time: they are made once, and never again by the SDK. */
  Ec2Client once(String region) {
    return once.computeIfAbsent(region, each -> build(Ec2Client.builder(), each, false));
  }

  /** The region of the SDK's own configuration; empty where it names none. */
  public Optional<String> region() {
    try {
      return Optional.of(new DefaultAwsRegionProviderChain().getRegion().id());
    } catch (SdkClientException e) {
      return Optional.empty(); // the SDK's way to say that there is none
    }
  }

  StsClient sts(String region) {
    return sts.computeIfAbsent(region, each -> build(StsClient.builder(), each, true));
  }

  ServiceQuotasClient quotas(String region) {
    return quotas.computeIfAbsent(region, each -> build(ServiceQuotasClient.builder(), each, true));
  }

  private <B extends AwsClientBuilder<B, C>, C> C build(B builder, String region, boolean retried) {
    ClientOverrideConfiguration.Builder override =
        ClientOverrideConfiguration.builder().apiCallAttemptTimeout(TRY).apiCallTimeout(CALL);
    if (!retried) {
      override.retryStrategy(AwsRetryStrategy.doNotRetry());
    } else if (pause != null) {
      BackoffStrategy pauses = BackoffStrategy.fixedDelay(pause);
      override.retryStrategy(
          tries -> tries.backoffStrategy(pauses).throttlingBackoffStrategy(pauses));
    }
    if (profiles != null) {
      override.defaultProfileFileSupplier(profiles);
    }
    if (builder
        instanceof software.amazon.awssdk.awscore.client.builder.AwsSyncClientBuilder<?, ?> sync) {
      sync.httpClient(http);
    }
    return builder.region(Region.of(region)).overrideConfiguration(override.build()).build();
  }
}
