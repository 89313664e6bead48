package dev.whimbrel.traffic;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.ShareRequest;
import dev.whimbrel.activity.Traffic;
import dev.whimbrel.runbook.TrafficSpec;
import dev.whimbrel.servers.HaproxyServer;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import dev.whimbrel.servers.Relay;
import io.temporal.activity.ActivityOptions;
import io.temporal.testing.TestActivityEnvironment;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

@Needs(Program.HAPROXY)
class LateAttemptTest {

  @Test
  void setsNothingOnceItsSilenceMayHaveBeenNoticed() throws Exception {
    TestActivityEnvironment environment = TestActivityEnvironment.newInstance();
    try (TwoStacks stacks = new TwoStacks();
        HaproxyServer haproxy = stacks.balancer().start();
        Relay slow = Relay.to(haproxy.adminPort(), Duration.ofMillis(400))) {
      environment.registerActivitiesImplementations(new RegistryTraffic());
      Traffic traffic =
          environment.newActivityStub(
              Traffic.class,
              ActivityOptions.newBuilder()
                  .setStartToCloseTimeout(Duration.ofMinutes(2))
                  .setHeartbeatTimeout(Duration.ofSeconds(3))
                  .build());

      // Four looks of almost a second each: longer than three seconds less the margin.
      assertThatThrownBy(() -> traffic.shiftShare(share(slow.port())))
          .rootCause()
          .hasMessageContaining("Nothing was changed: this attempt has taken ");

      assertThat(haproxy.command("get weight app/green")).startsWith("0 (initial 0)");
      assertThat(traffic.shiftShare(share(haproxy.adminPort())).line())
          .isEqualTo("app: blue 100, green 0 → blue 75, green 25");
    } finally {
      environment.close();
    }
  }

  private static ShareRequest share(int port) {
    TrafficSpec.Haproxy spec =
        new TrafficSpec.Haproxy(
            List.of("127.0.0.1:" + port), "app", List.of("blue"), List.of("green"), null);
    return new ShareRequest("shop", new TrafficSpec("haproxy", spec, null, "refuse"), 25);
  }
}
