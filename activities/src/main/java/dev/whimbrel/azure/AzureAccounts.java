package dev.whimbrel.azure;

import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The worker's account at Azure, looked up when it is first needed, and kept with its tokens. */
public final class AzureAccounts implements Supplier<AzureAccount> {
  private final Map<String, String> environment;
  private @Nullable AzureAccount account;

  /** The account of a process with these variables; see {@link AzureAccount#ofEnvironment}. */
  public AzureAccounts(Map<String, String> environment) {
    this.environment = Map.copyOf(environment);
  }

  @Override
  public synchronized AzureAccount get() {
    if (account == null) {
      account = AzureAccount.ofEnvironment(environment);
    }
    return account;
  }
}
