package dev.whimbrel.traffic;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import dev.whimbrel.activity.ChangePlan;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.ShareRequest;
import dev.whimbrel.activity.Traffic;
import dev.whimbrel.runbook.TrafficSpec;
import io.temporal.activity.ActivityOptions;
import io.temporal.failure.ApplicationFailure;
import io.temporal.testing.TestActivityEnvironment;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CommandTrafficTest {
  private final RegistryTraffic traffic = new RegistryTraffic(Duration.ofMillis(50));

  @TempDir private Path directory;
  private Path share;

  @BeforeEach
  void begin() throws IOException {
    share = directory.resolve("share");
    Files.writeString(share, "0\n");
  }

  @Test
  void setsTheShareAndReadsItBack() throws Exception {
    assertThat(traffic.shiftShare(to(25)).line()).isEqualTo("the target's share is 25 %");
    assertThat(traffic.awaitShare(to(25)).line()).isEqualTo("the target's share of 25 % in force");
    assertThat(Files.readString(share)).isEqualTo("25\n");

    traffic.shiftShare(to(0));

    assertThat(Files.readString(share)).isEqualTo("0\n");
  }

  @Test
  void saysBothFiguresWhereTheReadDiffers() {
    assertThatThrownBy(() -> traffic.shiftShare(with(List.of("true"), read(), 25)))
        .isInstanceOfSatisfying(
            ApplicationFailure.class,
            failure -> assertThat(failure.getType()).isEqualTo(Failures.TRANSIENT))
        .hasMessageContaining("expected a share of 25, `cat " + share + "` prints 0");
  }

  @Test
  void saysWhatACommandSaidThatFailed() {
    assertThatThrownBy(
            () -> traffic.shiftShare(with(sh("echo no such pool >&2; exit 3"), read(), 25)))
        .isInstanceOfSatisfying(
            ApplicationFailure.class,
            failure -> assertThat(failure.getType()).isEqualTo(Failures.TRANSIENT))
        .hasMessageContaining("ended with 3; it said: no such pool");
  }

  @Test
  void asksForHelpWhereACommandIsNotThereOrPrintsNoShare() {
    assertThatThrownBy(() -> traffic.shiftShare(with(List.of("/no/such/command"), read(), 25)))
        .isInstanceOfSatisfying(
            ApplicationFailure.class,
            failure -> assertThat(failure.getType()).isEqualTo(Failures.NEEDS_HELP))
        .hasMessageContaining("`/no/such/command 25`: it cannot be started on this worker");
    assertThatThrownBy(() -> traffic.shiftShare(with(set(), List.of("echo", "101"), 25)))
        .isInstanceOfSatisfying(
            ApplicationFailure.class,
            failure -> assertThat(failure.getType()).isEqualTo(Failures.NEEDS_HELP))
        .hasMessageContaining(
            "`echo 101` ended with 0, but its last line is no share: expected a number from 0 to 100, found '101'");
  }

  @Test
  void asksForHelpWithBothVersionsWhenSomebodyElseChangesTheShare() throws Exception {
    traffic.shiftShare(to(25));
    Files.writeString(share, "noise\n50 %\n");

    assertThatThrownBy(() -> traffic.holdShare(to(25)))
        .isInstanceOfSatisfying(
            ApplicationFailure.class,
            failure ->
                assertThat(HaproxyTrafficTest.help(failure).command())
                    .isEqualTo("sh -c echo $0 > " + share + " 25"))
        .hasMessageContaining(
            "The share was changed by somebody else: expected a share of 25, `cat "
                + share
                + "` prints 50");
  }

  @Test
  void planShowsTheCommandsAndAShareThatIsThereAlready() throws Exception {
    Files.writeString(share, "7\n");

    ChangePlan plan = traffic.planShare(to(5));

    assertThat(plan.forward()).containsExactly("sh -c echo $0 > " + share + " 5");
    assertThat(plan.back()).containsExactly("sh -c echo $0 > " + share + " 0");
    assertThat(plan.findings())
        .extracting(Finding::level, Finding::message)
        .containsExactly(
            tuple(
                Finding.Level.WARNING,
                "expected a share of 0 before the migration, found 7: a rollback sets 0."));
    assertThat(Files.readString(share)).isEqualTo("7\n");
  }

  @Test
  void aShareThatCannotBeReadForLongIsTroubleDuringTheBake() {
    RegistryTraffic impatient = new RegistryTraffic(Duration.ofMillis(20), Duration.ofMillis(200));

    assertThatThrownBy(() -> impatient.holdShare(with(set(), List.of("false"), 25)))
        .isInstanceOfSatisfying(
            ApplicationFailure.class,
            failure -> assertThat(failure.getType()).isEqualTo(Failures.NEEDS_HELP))
        .hasMessageContaining(
            "clients do not get the target's share of 25 %: `false` ended with 1, without output");
  }

  @Test
  void planSaysThatItCouldNotLookWhereTheReadFailsForTheMoment() {
    assertThatThrownBy(() -> traffic.planShare(with(set(), List.of("false"), 5)))
        .isInstanceOfSatisfying(
            ApplicationFailure.class,
            failure -> assertThat(failure.getType()).isEqualTo(Failures.TRANSIENT))
        .hasMessageContaining("`false` ended with 1");
  }

  @Test
  void tellsACommandWhoseMigrationItIsAndWhichStepCameLater() throws Exception {
    TestActivityEnvironment environment = TestActivityEnvironment.newInstance();
    try {
      environment.registerActivitiesImplementations(traffic);
      Traffic worker =
          environment.newActivityStub(
              Traffic.class,
              ActivityOptions.newBuilder()
                  .setStartToCloseTimeout(Duration.ofMinutes(2))
                  .setHeartbeatTimeout(Duration.ofMinutes(1))
                  .build());
      List<String> set =
          sh("echo $0 > %1$s; echo $WHIMBREL_MIGRATION $WHIMBREL_ORDER > %1$s.by".formatted(share));

      worker.shiftShare(with(set, read(), 25));

      assertThat(Files.readString(Path.of(share + ".by"))).matches("[A-Za-z0-9-]+ \\d+\n");
    } finally {
      environment.close();
    }
  }

  private ShareRequest to(int percent) {
    return with(set(), read(), percent);
  }

  private static ShareRequest with(List<String> set, List<String> read, int percent) {
    TrafficSpec.Command commands = new TrafficSpec.Command(set, read);
    return new ShareRequest("shop", new TrafficSpec("command", null, commands, "refuse"), percent);
  }

  private List<String> set() {
    return sh("echo $0 > " + share);
  }

  private List<String> read() {
    return List.of("cat", share.toString());
  }

  private static List<String> sh(String script) {
    return List.of("sh", "-c", script);
  }
}
