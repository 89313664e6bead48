package dev.whimbrel.compute.azure;

import com.azure.resourcemanager.compute.ComputeManager;
import com.azure.resourcemanager.compute.fluent.ComputeManagementClient;
import com.azure.resourcemanager.network.fluent.NetworkManagementClient;
import dev.whimbrel.azure.AzureAccount;
import dev.whimbrel.azure.OnlyNew;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Clients of Azure by subscription, made when they are first needed. Credentials and the cloud are
 * those of the account.
 */
public final class AzureClients {
  private final Supplier<AzureAccount> accounts;
  private final Map<String, ComputeManager> managers = new ConcurrentHashMap<>();
  private @Nullable AzureAccount account;

  /** Clients by the SDK's default chains. */
  public AzureClients() {
    this(() -> AzureAccount.ofEnvironment(System.getenv()));
  }

  /**
   * Clients of another account.
   *
   * @param accounts asked once, when a client is first needed
   */
  public AzureClients(Supplier<AzureAccount> accounts) {
    this.accounts = accounts;
  }

  ComputeManagementClient compute(String subscription) {
    return manager(subscription).serviceClient();
  }

  NetworkManagementClient network(String subscription) {
    return manager(subscription).networkManager().serviceClient();
  }

  /** Everything about one subscription. */
  ComputeManager manager(String subscription) {
    return managers.computeIfAbsent(
        subscription.toLowerCase(Locale.ROOT),
        each ->
            account()
                .configured(ComputeManager.configure())
                .withPolicy(new OnlyNew())
                .authenticate(account().credential(), account().profile(each)));
  }

  private synchronized AzureAccount account() {
    if (account == null) {
      account = accounts.get();
    }
    return account;
  }
}
