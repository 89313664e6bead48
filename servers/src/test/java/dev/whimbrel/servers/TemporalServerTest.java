package dev.whimbrel.servers;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

@Needs(Program.TEMPORAL)
class TemporalServerTest {
  @Test
  void remembersItsWorkflowsAfterItWasKilled() {
    try (TemporalServer server = TemporalServer.launch()) {
      server.cli(
          "workflow", "start", "--type", "Nothing", "--task-queue", "none", "--workflow-id", "one");

      server.kill9();
      server.start();

      assertThat(server.cli("workflow", "describe", "--workflow-id", "one")).contains("Nothing");
      assertThat(server.cli("operator", "search-attribute", "list"))
          .contains("WhimbrelPhase", "WhimbrelState", "WhimbrelService");
    }
  }
}
