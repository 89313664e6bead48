package dev.whimbrel.traffic;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;
import static org.assertj.core.api.Assertions.within;

import dev.whimbrel.activity.ChangePlan;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.ShareRequest;
import dev.whimbrel.attempt.Attempt;
import dev.whimbrel.runbook.TrafficSpec;
import dev.whimbrel.servers.HaproxyServer;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import io.temporal.failure.ApplicationFailure;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

@Needs(Program.HAPROXY)
class HaproxyTrafficTest {
  private final RegistryTraffic traffic = new RegistryTraffic(Duration.ofMillis(50));
  private TwoStacks stacks;
  private HaproxyServer haproxy;

  @BeforeEach
  void start() throws IOException {
    stacks = new TwoStacks();
    haproxy = stacks.balancer().start();
  }

  @AfterEach
  void stop() {
    haproxy.close();
    stacks.close();
  }

  @Test
  void splitsByTheShareUnderLoadWithoutOneFailedRequest() throws Exception {
    stacks.load(haproxy);
    assertThat(stacks.next(500)).containsOnlyKeys("blue");

    for (int share : new int[] {5, 25, 100, 25, 0}) {
      traffic.shiftShare(share(share));
      traffic.awaitShare(share(share));
      // What was under way before the switch may still be answered by the other side.
      stacks.next(20);
      Map<String, Integer> seen = stacks.next(2000);

      double green = seen.getOrDefault("green", 0);
      double all = green + seen.getOrDefault("blue", 0);
      // HAProxy deals in turn: nearer than chance would be, which is 3 standard deviations.
      assertThat(100 * green / all)
          .as("percent at the target at a share of %d %%: %s", share, seen)
          .isCloseTo(
              share, within(300 * Math.sqrt(share / 100.0 * (1 - share / 100.0) / all) + 0.1));
    }

    assertThat(stacks.failed()).isZero();
  }

  @Test
  void saysWhatItSetAndIsHarmlessAgain() {
    assertThat(traffic.shiftShare(share(25)).line())
        .isEqualTo("app: blue 100, green 0 → blue 75, green 25");
    assertThat(traffic.shiftShare(share(25)).line())
        .isEqualTo("app: blue 75, green 25 → blue 75, green 25");
    assertThat(traffic.awaitShare(share(25)).line())
        .isEqualTo("the target's share of 25 % in force");
    assertThat(traffic.shiftShare(share(0)).line())
        .isEqualTo("app: blue 75, green 25 → blue 100, green 0");
    assertThat(weights(haproxy)).isEqualTo("100 (initial 100), 0 (initial 0)");
  }

  @Test
  void saysThatARestartHasLostTheWeights() {
    traffic.shiftShare(share(25));
    haproxy.reload();

    String line = traffic.holdShare(share(25)).line();

    assertThat(line)
        .startsWith("HAProxy at 127.0.0.1:" + haproxy.adminPort() + " was restarted (pid ")
        .endsWith(") and lost its weights: expected blue 75, green 25, found blue 100, green 0");
    traffic.shiftShare(share(25));
    assertThat(weights(haproxy)).isEqualTo("75 (initial 100), 25 (initial 0)");
  }

  @Test
  void comesUpAgainWithTheWeightsInForceWhereItsFileIsKeptToo() throws Exception {
    String found = Files.readString(haproxy.file());
    assertThat(traffic.shiftShare(withFile(25)).line()).endsWith(", also in its file");
    haproxy.kill9();
    haproxy.start();

    assertThat(weights(haproxy)).isEqualTo("75 (initial 75), 25 (initial 25)");
    assertThat(traffic.awaitShare(withFile(25)).line()).contains("25 % in force");
    assertThat(Files.readString(haproxy.file()))
        .isEqualTo(found.replace("weight 100", "weight 75").replace("weight 0", "weight 25"));

    // A worker that knows nothing of the weights found: they are beside the file.
    assertThat(new RegistryTraffic().shiftShare(withFile(0)).line())
        .isEqualTo("app: blue 75, green 25 → blue 100, green 0");
    assertThat(Files.readString(haproxy.file())).isEqualTo(found);
    assertThat(beside()).containsExactly("haproxy.cfg", "haproxy.log");
    haproxy.reload();
    assertThat(weights(haproxy)).isEqualTo("100 (initial 100), 0 (initial 0)");
  }

  @Test
  void removesTheFileAsItWasFoundWhenThereIsNoWayBackAnyMore() throws Exception {
    traffic.shiftShare(withFile(100));
    String inForce = Files.readString(haproxy.file());
    Path kept = haproxy.file().resolveSibling("haproxy.cfg.whimbrel-shop");
    Path others = Files.writeString(haproxy.file().resolveSibling("haproxy.cfg.whimbrel-x"), "x");
    assertThat(kept).exists();

    assertThat(traffic.forgetWayBack(withFile(100)).line()).isEqualTo("removed " + kept);
    assertThat(traffic.forgetWayBack(withFile(100)).line())
        .isEqualTo("nothing was kept for the traffic's way back");

    assertThat(beside())
        .containsExactly("haproxy.cfg", others.getFileName().toString(), "haproxy.log");
    assertThat(Files.readString(haproxy.file())).isEqualTo(inForce);
    assertThat(weights(haproxy)).isEqualTo("0 (initial 100), 100 (initial 0)");
  }

  @Test
  void putsOnlyTheWeightsBackWhereSomebodyElseChangedTheFile() throws Exception {
    String found = Files.readString(haproxy.file());
    traffic.shiftShare(withFile(25));
    String changed = Files.readString(haproxy.file()).replace("maxconn 4000", "maxconn 3000");
    Files.writeString(haproxy.file(), changed);

    String line = traffic.shiftShare(withFile(0)).line();

    assertThat(line)
        .endsWith(
            haproxy.file()
                + " was changed by somebody else meanwhile: its weights were put back, the rest stays");
    assertThat(Files.readString(haproxy.file()))
        .isEqualTo(found.replace("maxconn 4000", "maxconn 3000"));
    assertThat(beside()).containsExactly("haproxy.cfg", "haproxy.log");
  }

  @Test
  void asksForHelpWithBothVersionsWhenSomebodyElseChangesTheWeights() {
    traffic.shiftShare(share(25));
    haproxy.command("set server app/green weight 50");

    assertThatThrownBy(() -> traffic.holdShare(share(25)))
        .isInstanceOfSatisfying(
            ApplicationFailure.class,
            failure -> {
              assertThat(failure.getType()).isEqualTo(Failures.NEEDS_HELP);
              assertThat(help(failure).command())
                  .isEqualTo(
                      "echo 'set server app/blue weight 75' | nc 127.0.0.1 %1$d; echo 'set server app/green weight 25' | nc 127.0.0.1 %1$d"
                          .formatted(haproxy.adminPort()));
            })
        .hasMessageContaining(
            "The weights of HAProxy at 127.0.0.1:%d were changed by somebody else: expected blue 75, green 25, found blue 75, green 50"
                .formatted(haproxy.adminPort()));
    assertThat(weights(haproxy)).isEqualTo("75 (initial 100), 50 (initial 0)");
  }

  @Test
  void leadsSeveralProcessesAndWaitsUntilAllOfThemAgree() {
    try (HaproxyServer second = stacks.balancer().start()) {
      ShareRequest both = share(25, null, haproxy, second);
      assertThat(traffic.shiftShare(both).line())
          .isEqualTo("app: blue 100, green 0 → blue 75, green 25 at 2 processes");
      assertThat(weights(second)).isEqualTo("75 (initial 100), 25 (initial 0)");

      second.reload();

      assertThat(new HaproxyTraffic("shop", haproxy(null, haproxy, second)).missing(25))
          .hasValue(
              "HAProxy at 127.0.0.1:%d: expected blue 75, green 25, found blue 100, green 0"
                  .formatted(second.adminPort()));
      assertThat(traffic.holdShare(both).line())
          .startsWith("HAProxy at 127.0.0.1:" + second.adminPort() + " was restarted");
    }
  }

  @Test
  void planShowsEveryCommandForwardAndBackAndChangesNothing() {
    ChangePlan plan = traffic.planShare(withFile(5));

    String nc = " | nc 127.0.0.1 " + haproxy.adminPort();
    assertThat(plan.findings()).isEmpty();
    assertThat(plan.forward())
        .containsExactly(
            "echo 'set server app/blue weight 95'" + nc,
            "echo 'set server app/green weight 5'" + nc);
    assertThat(plan.back())
        .containsExactly(
            "echo 'set server app/blue weight 100'" + nc,
            "echo 'set server app/green weight 0'" + nc);
    assertThat(weights(haproxy)).isEqualTo("100 (initial 100), 0 (initial 0)");
    assertThat(beside()).containsExactly("haproxy.cfg", "haproxy.log");
  }

  @Test
  void planFindsATargetThatGetsTrafficAlreadyAndAServerInMaintenance() {
    try (HaproxyServer open =
        HaproxyServer.backend("app")
            .server("blue", stacks.at("blue"), 1)
            .line("server green " + stacks.at("green"))
            .start()) {
      open.command("set server app/green state maint");

      ChangePlan plan = traffic.planShare(share(5, null, open));

      assertThat(plan.findings())
          .extracting(Finding::level, Finding::line)
          .containsExactly(
              tuple(
                  Finding.Level.BLOCKER,
                  "HAProxy at 127.0.0.1:%d: the target's servers get traffic before the migration by its configuration: blue 1, green 1. Fix: give them `weight 0` in backend app of haproxy.cfg and reload."
                      .formatted(open.adminPort())),
              tuple(
                  Finding.Level.WARNING,
                  "HAProxy at 127.0.0.1:%d: server app/green is in maintenance and gets nothing whatever its weight is. Fix: set server app/green state ready"
                      .formatted(open.adminPort())),
              tuple(
                  Finding.Level.WARNING,
                  "traffic.haproxy: no file is named: its configuration goes on giving everything to the"
                      + " source's servers, and after the end a reload sends all traffic there. Fix: name"
                      + " traffic.haproxy.file, or write the weights into haproxy.cfg before the old servers"
                      + " are stopped."));
    }
  }

  @Test
  void waitsForAServerThatIsInMaintenance() {
    haproxy.command("set server app/green state maint");
    traffic.shiftShare(share(25));

    assertThat(new HaproxyTraffic("shop", haproxy(null, haproxy)).missing(25))
        .hasValue(
            "HAProxy at 127.0.0.1:%d: server app/green is in maintenance"
                .formatted(haproxy.adminPort()));
    haproxy.command("set server app/green state ready");
    assertThat(traffic.awaitShare(share(25)).line()).contains("in force");
  }

  @Test
  void asksForHelpWhenAServerIsTakenOutWhileBothSidesServe() {
    RegistryTraffic impatient = new RegistryTraffic(Duration.ofMillis(50), Duration.ofMillis(1500));
    impatient.shiftShare(share(25));
    haproxy.command("set server app/green health down");

    assertThatThrownBy(() -> impatient.holdShare(share(25)))
        .isInstanceOfSatisfying(
            ApplicationFailure.class,
            failure -> {
              assertThat(failure.getType()).isEqualTo(Failures.NEEDS_HELP);
              assertThat(help(failure).remedy())
                  .isEqualTo("mend what is named, or roll back; then retry: the bake begins anew");
            })
        .hasMessageContaining(
            "For more than 1 s clients do not get the target's share of 25 %%: HAProxy at 127.0.0.1:%d: server app/green is down"
                .formatted(haproxy.adminPort()));
  }

  @Test
  void aServerWithoutAWeightMayBeOut() {
    haproxy.command("set server app/green health down");

    assertThat(
            new HaproxyTraffic("shop", haproxy(null, haproxy))
                .watch(0)
                .look(new Attempt())
                .trouble())
        .isNull();
  }

  @Test
  void waitsForAProcessThatIsJustBeingStartedAndGoesOnWatchingIt() throws Exception {
    traffic.shiftShare(withFile(25));
    haproxy.kill9();
    Thread starting = new Thread(haproxy::start);
    starting.start();

    assertThat(traffic.awaitShare(withFile(25)).line()).contains("25 % in force");
    starting.join();

    HaproxyWatch watch =
        new HaproxyWatch(
            new HaproxyProcess("127.0.0.1:" + haproxy.adminPort(), "app"),
            List.of("blue", "green"));
    haproxy.kill9();
    assertThat(watch.look(state -> state.now(), new Attempt()).line())
        .contains("does not answer `get weight app/blue`: Connection refused");
    haproxy.start();
    assertThat(watch.look(state -> state.now(), new Attempt()).line())
        .endsWith(" has blue 75, green 25");
  }

  private ShareRequest share(int share) {
    return share(share, null, haproxy);
  }

  private ShareRequest withFile(int share) {
    return share(share, haproxy.file(), haproxy);
  }

  private static ShareRequest share(int share, @Nullable Path file, HaproxyServer... servers) {
    return new ShareRequest(
        "shop", new TrafficSpec("haproxy", haproxy(file, servers), null, "refuse"), share);
  }

  private static TrafficSpec.Haproxy haproxy(@Nullable Path file, HaproxyServer... servers) {
    return new TrafficSpec.Haproxy(
        Stream.of(servers).map(each -> "127.0.0.1:" + each.adminPort()).toList(),
        "app",
        List.of("blue"),
        List.of("green"),
        file == null ? null : file.toString());
  }

  private static String weights(HaproxyServer haproxy) {
    return haproxy.command("get weight app/blue").strip()
        + ", "
        + haproxy.command("get weight app/green").strip();
  }

  private List<String> beside() {
    try (Stream<Path> files = Files.list(haproxy.file().resolveSibling("."))) {
      return files.map(each -> each.getFileName().toString()).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static Failures.Help help(ApplicationFailure failure) {
    Failures.Help help = failure.getDetails().get(Failures.Help.class);
    assertThat(help).isNotNull();
    return help;
  }
}
