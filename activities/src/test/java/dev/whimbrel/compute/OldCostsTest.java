package dev.whimbrel.compute;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Compute;
import dev.whimbrel.activity.RetireRequest;
import dev.whimbrel.servers.ArmFault;
import io.temporal.activity.ActivityOptions;
import io.temporal.client.WorkflowOptions;
import io.temporal.common.RetryOptions;
import io.temporal.testing.TestEnvironmentOptions;
import io.temporal.testing.TestWorkflowEnvironment;
import io.temporal.worker.Worker;
import io.temporal.workflow.Workflow;
import io.temporal.workflow.WorkflowInterface;
import io.temporal.workflow.WorkflowMethod;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What the old machines still cost, where it cannot be read: the step goes on without it. */
class OldCostsTest {
  @RegisterExtension static final AzureWorld world = new AzureWorld(ProvisioningProcess.PATIENT);

  private static final int EVERY_TIME = 1000;
  private static final int BEFORE_IT_SAYS_SO = 4;

  private final String migration = AzureRequests.migration();
  private final RetireRequest request =
      AzureRequests.retire(migration, world.oldMachine(migration));
  private final TestWorkflowEnvironment environment =
      TestWorkflowEnvironment.newInstance(
          TestEnvironmentOptions.newBuilder().setUseTimeskipping(false).build());

  @AfterEach
  void stop() {
    environment.close();
  }

  @Test
  void areNotKnownFromTheFifthAttemptOn() {
    world.arm().fault("GET Microsoft.Compute/disks", 0, EVERY_TIME, ArmFault.broken());
    world.arm().clearJournal();

    String line = listed();

    assertThat(line)
        .startsWith("Azure subscription ")
        .contains(": what still costs money is not known: Cannot read the disk ")
        .contains("500");
    assertThat(looks()).isEqualTo(BEFORE_IT_SAYS_SO + 1);
  }

  @Test
  void areKnownWhereTheFifthAttemptCanReadThem() {
    world.arm().fault("GET Microsoft.Compute/disks", 0, BEFORE_IT_SAYS_SO, ArmFault.broken());
    world.arm().clearJournal();

    String line = listed();

    assertThat(line)
        .contains(AzureWorld.disk(migration) + " (30 GiB Premium_LRS) of " + migration)
        .doesNotContain("not known");
    assertThat(looks()).isEqualTo(BEFORE_IT_SAYS_SO + 1);
  }

  private long looks() {
    return world.arm().journal().stream()
        .filter(each -> each.operation().equalsIgnoreCase("GET Microsoft.Compute/disks"))
        .count();
  }

  private String listed() {
    Worker worker = environment.newWorker("costs");
    worker.registerWorkflowImplementationTypes(ListsThem.class);
    worker.registerActivitiesImplementations(world.compute);
    environment.start();
    return environment
        .getWorkflowClient()
        .newWorkflowStub(Listing.class, WorkflowOptions.newBuilder().setTaskQueue("costs").build())
        .list(request);
  }

  /** Lists what the old machines cost. */
  @WorkflowInterface
  public interface Listing {
    @WorkflowMethod
    String list(RetireRequest request);
  }

  /** Asks again as often as a step does, with shorter pauses. */
  public static class ListsThem implements Listing {
    @Override
    public String list(RetireRequest request) {
      return Workflow.newActivityStub(
              Compute.class,
              ActivityOptions.newBuilder()
                  .setStartToCloseTimeout(Duration.ofMinutes(5))
                  .setRetryOptions(
                      RetryOptions.newBuilder()
                          .setInitialInterval(Duration.ofMillis(10))
                          .setBackoffCoefficient(1)
                          .setMaximumAttempts(12)
                          .build())
                  .build())
          .listCosts(request)
          .line();
    }
  }
}
