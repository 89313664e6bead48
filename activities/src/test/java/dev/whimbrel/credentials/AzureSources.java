package dev.whimbrel.credentials;

import dev.whimbrel.servers.AzureService;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Where Azure's SDK finds credentials, each led to a stand-in by what the SDK itself reads. */
record AzureSources(AzureService azure, SourceFiles files) {
  static final String CLIENT = "0a1b2c3d-0000-0000-0000-000000000001";

  /** AD FS's word for the tenant; no other directory is asked about an authority that has it. */
  private static final String ADFS = "adfs";

  private static final String TENANT = "0a1b2c3d-0000-0000-0000-0000000000aa";

  Source appService() {
    TokenService tokens = TokenService.http(answers()::appService);
    return source(
        "Azure: managed identity of App Service",
        "ManagedIdentityCredential",
        tokens,
        null,
        Map.of(
            "IDENTITY_ENDPOINT",
            tokens.url("/msi/token"),
            "IDENTITY_HEADER",
            CredentialFaultsTest.SECRET));
  }

  Source metadata() {
    TokenService tokens = TokenService.http(answers()::metadata);
    return source(
        "Azure: managed identity of a machine (IMDS)",
        "ManagedIdentityCredential|there are no credentials",
        tokens,
        null,
        Map.of("AZURE_POD_IDENTITY_AUTHORITY_HOST", tokens.url("")));
  }

  /** One of a machine's identities, which is not the machine's own. */
  Source named() {
    TokenService tokens = TokenService.http(answers()::metadataOfTwo);
    return source(
        "Azure: the identity of a machine that AZURE_CLIENT_ID names (IMDS)",
        "ManagedIdentityCredential",
        tokens,
        null,
        Map.of("AZURE_POD_IDENTITY_AUTHORITY_HOST", tokens.url(""), "AZURE_CLIENT_ID", CLIENT));
  }

  Source clientSecret() {
    TokenService tokens = TokenService.https(answers()::directory);
    return source(
        "Azure: a client's secret",
        "EnvironmentCredential",
        tokens,
        null,
        Map.of(
            "AZURE_CONFIG_DIR",
            files.directoryAt(azure, tokens.port()),
            "AZURE_TENANT_ID",
            ADFS,
            "AZURE_CLIENT_ID",
            CLIENT,
            "AZURE_CLIENT_SECRET",
            CredentialFaultsTest.SECRET));
  }

  /** AKS says by a variable who is the authority. */
  Source workload() {
    return workload("Azure: workload identity", ADFS, Map.of(), List.of(), fault -> {});
  }

  /** An authority of one's own, whose tenant looks like any other. */
  Source workload(PublicDirectory directory, boolean validated) {
    return workload(
        validated
            ? "Azure: workload identity at an authority of one's own"
            : "Azure: the same with core.instance_discovery=false",
        TENANT,
        validated ? Map.of() : Map.of("AZURE_CORE_INSTANCE_DISCOVERY", "false"),
        directory.jvmOptions(),
        directory::fails);
  }

  private Source workload(
      String name,
      String tenant,
      Map<String, String> more,
      List<String> options,
      Consumer<Fault> beside) {
    TokenService tokens = TokenService.https(answers()::directory);
    Path file = files.token("azure-identity-token-" + tokens.port());
    Map<String, String> environment = new TreeMap<>(more);
    environment.put("AZURE_AUTHORITY_HOST", "https://localhost:%d/".formatted(tokens.port()));
    environment.put("AZURE_TENANT_ID", tenant);
    environment.put("AZURE_CLIENT_ID", CLIENT);
    environment.put("AZURE_FEDERATED_TOKEN_FILE", file.toString());
    return source(name, "WorkloadIdentityCredential", tokens, file, environment, options, beside);
  }

  private AzureAnswers answers() {
    return new AzureAnswers(azure.identity()::token);
  }

  private Source source(
      String name,
      String shown,
      TokenService tokens,
      @Nullable Path file,
      Map<String, String> environment) {
    return source(name, shown, tokens, file, environment, List.of(), fault -> {});
  }

  private Source source(
      String name,
      String shown,
      TokenService tokens,
      @Nullable Path file,
      Map<String, String> environment,
      List<String> options,
      Consumer<Fault> beside) {
    Map<String, String> all = new TreeMap<>(environment);
    all.putIfAbsent("AZURE_CONFIG_DIR", azure.configuration().toString());
    // More than a late answer takes, and less than a reader of this test would wait.
    all.put("AZURE_REQUEST_RESPONSE_TIMEOUT", "6000");
    List<String> jvm = new ArrayList<>(AzureService.jvmOptions());
    jvm.addAll(options);
    return new Source(
        name, shown, tokens, file, all, jvm, "azure:example.test", azure.dns().address(), beside);
  }
}
