package dev.whimbrel.traffic;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.FaultTable;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.ShareRequest;
import dev.whimbrel.runbook.TrafficSpec;
import dev.whimbrel.servers.HaproxyServer;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import dev.whimbrel.traffic.FaultyAdmin.Fault;
import io.temporal.failure.ApplicationFailure;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Every call to HAProxy goes wrong in every way, in the middle of a shift to 25 %. */
@Needs(Program.HAPROXY)
class HaproxyFaultsTest {
  private static final List<String> CALLS =
      List.of("get weight", "show info", "show servers state", "set server");

  private final RegistryTraffic traffic = new RegistryTraffic(Duration.ofMillis(50));
  private final FaultTable table =
      new FaultTable("haproxy", "HAProxy")
          .hiding("127\\.0\\.0\\.1:\\d+", "127.0.0.1:9999")
          .hiding("/\\S*haproxy\\.cfg", "/etc/haproxy/haproxy.cfg");

  @Test
  void nothingIsLostAndEveryMessageSaysWhatToDo() throws Exception {
    try (TwoStacks stacks = new TwoStacks()) {
      for (String call : CALLS) {
        for (Fault fault : Fault.values()) {
          if (fault.compareTo(Fault.CHANGED_BEFORE) < 0 || call.equals("set server")) {
            try (World world = new World(stacks)) {
              goesWrong(world, call, fault);
            }
          }
        }
      }
      for (int changes = 0; changes < 2; changes++) {
        workerIsKilled(stacks, changes);
      }
      workerIsKilledWhileItWritesTheFile(stacks);
      processEnds(stacks);
      fileIsReadOnly(stacks);
    }

    table.check();
  }

  private void goesWrong(World world, String call, Fault fault) throws IOException {
    world.admin.next(call, fault);

    Result first = attempt(world, 25);
    assertThat(world.admin.happened()).as("%s of `%s` happened", fault, call).isTrue();
    Result second = attempt(world, 25);

    assertThat(second.printed()).as("%s of `%s`, again", fault, call).isEmpty();
    assertThat(world.weights()).isEqualTo("blue 75, green 25, bystander 7");
    assertThat(attempt(world, 0).printed()).isEmpty();
    world.mustBeAsFound();
    table.row("`" + call + "`", words(fault), first.happened(), first.printed());
  }

  /** What a killed worker leaves is what it has done so far; another one knows nothing of it. */
  private void workerIsKilled(TwoStacks stacks, int changes) throws IOException {
    try (World world = new World(stacks)) {
      world.admin.dieAfter(changes);
      assertThat(attempt(world, 25).printed()).isNotEmpty();
      world.admin.dieAfter(null);
      assertThat(world.admin.journal()).hasSize(changes);
      assertThat(new RegistryTraffic().shiftShare(world.share(0)).line()).startsWith("app: ");
      world.mustBeAsFound();

      world.admin.dieAfter(world.admin.journal().size() + changes);
      attempt(world, 25);
      world.admin.dieAfter(null);
      assertThat(new RegistryTraffic().shiftShare(world.share(25)).line()).startsWith("app: ");
      assertThat(world.weights()).isEqualTo("blue 75, green 25, bystander 7");
      assertThat(attempt(world, 0).printed()).isEmpty();
      world.mustBeAsFound();
      table.row(
          "`set server`",
          "worker killed after %d of 2 changes".formatted(changes),
          "another worker goes on, or goes back",
          "");
    }
  }

  private void workerIsKilledWhileItWritesTheFile(TwoStacks stacks) throws IOException {
    try (World world = new World(stacks)) {
      for (String left : List.of("haproxy.cfg.whimbrel-shop", "haproxy.cfg.new")) {
        Files.copy(world.haproxy.file(), world.haproxy.file().resolveSibling(left));
      }

      assertThat(attempt(world, 25).printed()).isEmpty();
      assertThat(attempt(world, 0).printed()).isEmpty();
      world.mustBeAsFound();
      table.row("the file", "worker killed while it writes", "another worker goes on", "");
    }
  }

  /** The process ends between its look and its change: nobody is there to be told. */
  private void processEnds(TwoStacks stacks) throws IOException {
    try (World world = new World(stacks)) {
      world.haproxy.kill9();
      Result first = attempt(world, 25);
      world.haproxy.start();

      assertThat(attempt(world, 25).printed()).isEmpty();
      assertThat(attempt(world, 0).printed()).isEmpty();
      world.mustBeAsFound();
      table.row("any", "HAProxy is down", first.happened(), first.printed());
    }
  }

  private void fileIsReadOnly(TwoStacks stacks) throws IOException {
    try (World world = new World(stacks)) {
      String found = Files.readString(world.haproxy.file());
      Files.writeString(world.haproxy.file(), found.replace("server green", "server gruen"));
      Result first = attempt(world, 25);
      Files.writeString(world.haproxy.file(), found);

      assertThat(attempt(world, 25).printed()).isEmpty();
      assertThat(attempt(world, 0).printed()).isEmpty();
      world.mustBeAsFound();
      table.row("the file", "the server's line is not in it", first.happened(), first.printed());
    }
  }

  /**
   * What became of one attempt.
   *
   * @param printed what a person reads; empty where it succeeded
   */
  private record Result(String happened, String printed) {}

  private Result attempt(World world, int share) {
    try {
      traffic.shiftShare(world.share(share));
      return new Result("goes on by itself", "");
    } catch (ApplicationFailure e) {
      if (Failures.TRANSIENT.equals(e.getType())) {
        return new Result("tried again by itself", e.getOriginalMessage());
      }
      assertThat(e.getType()).isEqualTo(Failures.NEEDS_HELP);
      Failures.Help help = HaproxyTrafficTest.help(e);
      assertThat(help.remedy()).isNotBlank();
      return new Result(
          "parks; then `retry`",
          help.cause()
              + ". Fix: "
              + help.remedy()
              + (help.command() == null ? "" : ": `" + help.command() + "`"));
    }
  }

  private static String words(Fault fault) {
    return switch (fault) {
      case CLOSED -> "the connection is closed";
      case SILENT -> "no answer";
      case ANSWER_LOST -> "done, answer lost";
      case DENIED -> "denied right";
      case NO_SUCH_SERVER -> "no such server";
      case CHANGED_BEFORE -> "somebody else changes a weight right before";
      case CHANGED_AFTER -> "somebody else changes a weight right after";
    };
  }

  /** HAProxy behind a way that goes wrong, its file, and a backend that is nobody's business. */
  private static final class World implements AutoCloseable {
    final HaproxyServer haproxy;
    final FaultyAdmin admin;
    private final String found;

    World(TwoStacks stacks) throws IOException {
      haproxy =
          stacks
              .balancer()
              .line("backend bystander")
              .server("green", stacks.at("green"), 7)
              .start();
      admin = new FaultyAdmin(haproxy);
      found = Files.readString(haproxy.file());
    }

    ShareRequest share(int share) {
      TrafficSpec.Haproxy spec =
          new TrafficSpec.Haproxy(
              List.of(admin.address()),
              "app",
              List.of("blue"),
              List.of("green"),
              haproxy.file().toString());
      return new ShareRequest("shop", new TrafficSpec("haproxy", spec, null, "refuse"), share);
    }

    String weights() {
      return "blue %s, green %s, bystander %s"
          .formatted(weight("app/blue"), weight("app/green"), weight("bystander/green"));
    }

    private String weight(String server) {
      return haproxy.command("get weight " + server).replaceFirst("(?s) .*", "");
    }

    void mustBeAsFound() throws IOException {
      assertThat(weights()).isEqualTo("blue 100, green 0, bystander 7");
      assertThat(Files.readString(haproxy.file())).isEqualTo(found);
      for (String left : List.of("haproxy.cfg.whimbrel-shop", "haproxy.cfg.new")) {
        assertThat(haproxy.file().resolveSibling(left)).doesNotExist();
      }
    }

    @Override
    public void close() throws IOException {
      admin.close();
      haproxy.close();
    }
  }
}
