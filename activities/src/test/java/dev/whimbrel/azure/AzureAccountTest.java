package dev.whimbrel.azure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.azure.core.management.AzureEnvironment;
import dev.whimbrel.servers.AzureService;
import io.temporal.failure.ApplicationFailure;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AzureAccountTest {
  @TempDir private Path directory;

  @Test
  void isAtThePublicCloudWithoutAConfiguration() {
    assertThat(endpoint()).isEqualTo(AzureEnvironment.AZURE.getResourceManagerEndpoint());
  }

  @Test
  void isAtTheCloudThatTheConfigurationNames() throws IOException {
    write("config", "[core]\nfirst_run = yes\n\n[cloud]\nname = AzureChinaCloud\n");

    assertThat(endpoint()).isEqualTo(AzureEnvironment.AZURE_CHINA.getResourceManagerEndpoint());
  }

  @Test
  void isAtACloudThatWasRegistered() throws IOException {
    write("config", "[cloud]\nname = Stack\n");
    write(
        "clouds.config",
        """
        # written by az cloud register
        [Stack]
        profile = latest
        endpoint_resource_manager = https://management.stack.example.com
        endpoint_active_directory = https://login.stack.example.com/
        endpoint_active_directory_resource_id = https://management.stack.example.com/id
        suffix_storage_endpoint = stack.example.com
        """);

    AzureEnvironment cloud = AzureClouds.active(directory);

    assertThat(cloud.getResourceManagerEndpoint())
        .isEqualTo("https://management.stack.example.com");
    assertThat(cloud.getManagementEndpoint()).isEqualTo("https://management.stack.example.com");
    assertThat(cloud.getActiveDirectoryEndpoint()).isEqualTo("https://login.stack.example.com/");
    assertThat(cloud.getActiveDirectoryResourceId())
        .isEqualTo("https://management.stack.example.com/id");
    assertThat(cloud.getStorageEndpointSuffix()).isEqualTo("stack.example.com");
  }

  @Test
  void letsThePublicDirectoryValidateAnAuthorityUnlessToldOtherwise() throws IOException {
    assertThat(AzureClouds.validatesAuthority(directory, Map.of())).isTrue();

    write("config", "[core]\ninstance_discovery = False\n\n[cloud]\nname = AzureCloud\n");

    assertThat(AzureClouds.validatesAuthority(directory, Map.of())).isFalse();
    assertThat(
            AzureClouds.validatesAuthority(
                directory, Map.of("AZURE_CORE_INSTANCE_DISCOVERY", "true")))
        .isTrue();
  }

  @Test
  void asksForHelpWhereTheNamedCloudIsNotDescribed() throws IOException {
    write("config", "[cloud]\nname = Stack\n");

    assertThatThrownBy(this::endpoint)
        .isInstanceOf(ApplicationFailure.class)
        .hasMessageContaining("names the cloud Stack, and")
        .hasMessageContaining("clouds.config does not describe it");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"login.example.com", "http://login.example.com", "https:///tenant", "https://a b"})
  void asksForHelpWhereTheAuthorityIsNoAddress(String authority) {
    assertThatThrownBy(
            () ->
                AzureAccount.ofEnvironment(
                    Map.of(
                        "AZURE_CONFIG_DIR",
                        directory.toString(),
                        "AZURE_AUTHORITY_HOST",
                        authority)))
        .isInstanceOf(ApplicationFailure.class)
        .hasMessageContaining(
            "AZURE_AUTHORITY_HOST is %s, which is no address that begins with https:// and names a host"
                .formatted(authority));
  }

  @Test
  void anotherProcessFindsAnAccountByItsEnvironmentAlone() throws Exception {
    try (AzureService azure = AzureService.start("example.test")) {
      azure.record("shop", "A", 60, "203.0.113.10");
      List<String> command = new ArrayList<>();
      command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
      command.addAll(AzureService.jvmOptions());
      command.addAll(
          List.of("-cp", System.getProperty("java.class.path"), FindsRecords.class.getName()));
      command.add(azure.dns().address());
      ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
      builder.environment().putAll(azure.environment());

      Process process = builder.start();
      String printed = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

      assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
      assertThat(printed).contains("[RecordSet[name=shop.example.test, type=A, ttl=60");
      assertThat(azure.identity().handedOut()).isPositive();
    }
  }

  private String endpoint() {
    return AzureAccount.ofEnvironment(Map.of("AZURE_CONFIG_DIR", directory.toString()))
        .profile("sub")
        .getEnvironment()
        .getResourceManagerEndpoint();
  }

  private void write(String file, String text) throws IOException {
    Files.writeString(directory.resolve(file), text);
  }
}
