package dev.whimbrel.azure;

import com.azure.core.credential.AccessToken;
import com.azure.core.credential.TokenCredential;
import com.azure.core.credential.TokenRequestContext;
import com.azure.core.exception.ClientAuthenticationException;
import com.azure.core.http.HttpClient;
import com.azure.core.http.policy.RetryOptions;
import com.azure.core.http.policy.RetryPolicy;
import com.azure.core.util.Configuration;
import com.azure.identity.CredentialUnavailableException;
import com.azure.identity.DefaultAzureCredentialBuilder;
import com.azure.identity.ManagedIdentityCredentialBuilder;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/**
 * The SDK's default chain of credentials, with one thing more: a machine whose metadata have
 * answered, and give no token, is asked alone. The chain takes it for a machine without metadata,
 * goes on to those who are not configured, and forgets what was said.
 */
final class DefaultCredential implements TokenCredential {
  /** What the chain says of such a machine. */
  private static final String NO_IDENTITY = "Managed Identity authentication is not available.";

  private final TokenCredential chain;
  private final Supplier<TokenCredential> machine;

  /**
   * @param authority who is asked for tokens
   * @param validated whether Microsoft's public directory is asked first whether it knows that one
   * @param retries so few that a silent source is given up within the two minutes of a step
   */
  DefaultCredential(String authority, boolean validated, RetryOptions retries) {
    HttpClient http = HttpClient.createDefault();
    // The chain sets a policy where it asks a machine's metadata, and takes no options beside it.
    RetryPolicy policy = new RetryPolicy(retries);
    DefaultAzureCredentialBuilder all =
        new DefaultAzureCredentialBuilder()
            .authorityHost(authority)
            .httpClient(http)
            .retryPolicy(policy);
    chain = (validated ? all : all.disableInstanceDiscovery()).build();
    machine = () -> machine(http, policy);
  }

  /** Only the chain asks by itself for the one identity that the configuration names. */
  private static TokenCredential machine(HttpClient http, RetryPolicy policy) {
    ManagedIdentityCredentialBuilder one =
        new ManagedIdentityCredentialBuilder().httpClient(http).retryPolicy(policy);
    @Nullable String named =
        Configuration.getGlobalConfiguration().get(Configuration.PROPERTY_AZURE_CLIENT_ID);
    return named == null || named.isBlank() ? one.build() : one.clientId(named).build();
  }

  @Override
  public Mono<AccessToken> getToken(TokenRequestContext request) {
    return chain
        .getToken(request)
        .onErrorResume(
            CredentialUnavailableException.class,
            e ->
                String.valueOf(e.getMessage()).contains(NO_IDENTITY)
                    ? alone(request)
                    : Mono.error(e));
  }

  private Mono<AccessToken> alone(TokenRequestContext request) {
    return machine
        .get()
        .getToken(request)
        .onErrorMap(
            e ->
                new ClientAuthenticationException(
                    "%s authentication failed: %s".formatted(MissingToken.MACHINE, e.getMessage()),
                    null,
                    e));
  }
}
