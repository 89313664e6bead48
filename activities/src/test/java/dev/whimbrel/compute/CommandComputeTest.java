package dev.whimbrel.compute;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.ChangePlan;
import dev.whimbrel.activity.MachinesRequest;
import dev.whimbrel.compute.ec2.AwsClients;
import dev.whimbrel.runbook.ProvisionSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CommandComputeTest {
  @TempDir Path directory;

  private final RegistryCompute compute =
      new RegistryCompute(
          new AwsClients(),
          new Pace(Duration.ofMillis(20), Duration.ofSeconds(2), Duration.ofMillis(100)));

  @Test
  void makesChecksAndRemovesByCommands() throws IOException {
    MachinesRequest request =
        request(
            command("up", "echo made >> made"),
            command("check", "test -f made"),
            command("down", "rm -f made"));

    String made = compute.provisionMachines(request).line();
    String healthy = compute.awaitMachines(request).line();
    boolean there = Files.exists(directory.resolve("made"));
    String removed = compute.removeMachines(request).line();

    assertThat(made).isEqualTo("'" + directory + "/up' ended with 0");
    assertThat(healthy).isEqualTo("'" + directory + "/check' ended with 0");
    assertThat(removed).isEqualTo("'" + directory + "/down' ended with 0");
    assertThat(there).isTrue();
    assertThat(directory.resolve("made")).doesNotExist();
  }

  @Test
  void waitsUntilTheCheckPasses() throws IOException {
    MachinesRequest request =
        request(
            command("up", ":"),
            command("check", "echo x >> looks; test $(wc -l < looks) -ge 4"),
            command("down", ":"));

    compute.awaitMachines(request);

    assertThat(Files.readAllLines(directory.resolve("looks"))).hasSize(4);
  }

  @Test
  void asksForHelpWhereTheCheckNeverPasses() throws IOException {
    MachinesRequest request =
        request(command("up", ":"), command("check", "echo no pods; exit 1"), command("down", ":"));

    assertThatThrownBy(() -> compute.awaitMachines(request))
        .hasMessageContaining("After 2 s: '" + directory + "/check' ended with 1")
        .hasMessageContaining("it said: no pods");
  }

  @Test
  void asksForHelpWithWhatTheCommandSaid() throws IOException {
    MachinesRequest request =
        request(
            command("up", "echo no cluster; exit 3"), command("check", ":"), command("down", ":"));

    assertThatThrownBy(() -> compute.provisionMachines(request))
        .hasMessageContaining(
            "provision.command.do: '" + directory + "/up' ended with 3; it said: no cluster");
  }

  @Test
  void asksForHelpWhereTheCommandIsNotThere() {
    MachinesRequest request =
        request(List.of("/nowhere/up"), List.of("/nowhere/check"), List.of("/nowhere/down"));

    assertThatThrownBy(() -> compute.provisionMachines(request))
        .hasMessageContaining("provision.command.do: '/nowhere/up': it cannot be started");
  }

  @Test
  void showsTheCommandsAndRunsNone() throws IOException {
    MachinesRequest request =
        request(command("up", "touch made"), command("check", ":"), command("down", ":"));

    ChangePlan plan = compute.planMachines(request);

    assertThat(plan.forward()).containsExactly(directory + "/up", directory + "/check");
    assertThat(plan.back()).containsExactly(directory + "/down");
    assertThat(directory.resolve("made")).doesNotExist();
  }

  private static MachinesRequest request(List<String> doIt, List<String> check, List<String> undo) {
    return new MachinesRequest(
        "shop", new ProvisionSpec(null, null, new ProvisionSpec.Command(doIt, check, undo)));
  }

  private List<String> command(String name, String script) throws IOException {
    Path file = directory.resolve(name);
    Files.writeString(file, "#!/bin/sh\ncd '" + directory + "'\n" + script + "\n");
    assertThat(file.toFile().setExecutable(true)).isTrue();
    return List.of(file.toString());
  }
}
