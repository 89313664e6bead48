package dev.whimbrel.lab;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import dev.whimbrel.lab.Product.Ran;
import dev.whimbrel.migration.MigrationResult.Ending;
import dev.whimbrel.migration.MigrationStatus;
import dev.whimbrel.migration.MigrationWorkflow;
import dev.whimbrel.servers.Program;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Scanner;
import java.util.logging.LogManager;
import org.slf4j.LoggerFactory;

/**
 * Moves a small live service on this machine while you watch: {@code whimbrel demo [--rollback]
 * [--output json]}. Exit codes: 0 when it ended as asked and nothing was lost, 1 otherwise, 2 for a
 * mistake in the arguments.
 */
public final class Demo {
  private static final String USAGE = "Usage: whimbrel demo [--rollback] [--output text|json]";
  private static final String NAME = "demo";
  private static final Duration LIMIT = Duration.ofMinutes(10);
  private static final int CLIENTS = 8;
  private static final int WRITES_PER_SECOND = 200;

  /** Enough to be seen on the target before the way back. */
  private static final int WRITES_BEFORE_ROLLBACK = 1_000;

  private final boolean back;
  private final PrintStream out;

  private Demo(boolean back, PrintStream out) {
    this.back = back;
    this.out = out;
  }

  /** Runs the demo. */
  public static void main(String[] arguments) {
    List<String> all = List.of(arguments);
    boolean json = all.contains("json");
    boolean known =
        all.stream().allMatch(each -> each.matches("--rollback|--output(=(json|text))?|json|text"));
    if (!known) {
      System.err.println(USAGE);
      System.exit(all.contains("--help") || all.contains("-h") ? 0 : 2);
    }
    ((Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME)).setLevel(Level.OFF);
    // gRPC complains through the JDK's own log when the in-process Temporal is taken down.
    LogManager.getLogManager().reset();
    PrintStream progress =
        new PrintStream(json ? System.err : System.out, true, StandardCharsets.UTF_8);
    int code;
    try {
      DemoResult result = new Demo(all.contains("--rollback"), progress).run();
      if (json) {
        System.out.println(result.json());
      }
      code = result.good() ? 0 : 1;
    } catch (IllegalStateException | UncheckedIOException | SQLException e) {
      progress.println("The demo failed: " + e.getMessage());
      code = 1;
    }
    System.out.flush();
    // The clients of Temporal and HTTP would keep the process for a while; the shutdown hook ends
    // the servers.
    System.exit(code);
  }

  private DemoResult run() throws SQLException {
    Program.PG_DUMP.path();
    Program.NAMED.path();
    out.println("Starting two PostgreSQL servers, a DNS server, the service and Temporal …");
    LabWorld.Builder plan = LabWorld.build().versions(15, 16);
    if (Program.PGBOUNCER.find().isPresent()) {
      plan.pooled();
    }
    Ledger ledger = new Ledger();
    try (LabWorld world = plan.start();
        LabMigration migration = new LabMigration(world, NAME)) {
      introduce(world);
      DemoStory story = new DemoStory(world, ledger, out);
      MigrationStatus end;
      try (ShopClients clients =
          ShopClients.start(
              ledger,
              LabWorld.NAME,
              world.dns().port(),
              world.servicePort(),
              CLIENTS,
              WRITES_PER_SECOND)) {
        var unused = world.product().startWorker();
        start(world);
        if (back) {
          migration.await("the way back", LIMIT, status -> story.tell(status, "cutover.window"));
          goBack(world, ledger);
        }
        end = migration.await("the end", LIMIT, status -> story.tellToTheEnd(status));
        long before = ledger.acknowledged();
        Poll.until("writes after the end", LIMIT, () -> ledger.acknowledged() > before + 200);
        out.println("Clients now talk to " + clients.lastAddress() + ".");
      }
      Judgement judgement =
          end.writesGoTo().equals("target") ? world.judgeTarget(ledger) : world.judgeSource(ledger);
      DemoResult result =
          new DemoResult(
              end.result(),
              back ? Ending.ROLLED_BACK : Ending.MIGRATED,
              judgement,
              ledger.errors().size(),
              ledger.longestGapSince(story.switchoverBegan()));
      result.print(out);
      ledger.errors().stream().distinct().limit(5).forEach(each -> out.println("  " + each));
      linger(world);
      return result;
    }
  }

  private void introduce(LabWorld world) {
    out.printf(
        """
          source    PostgreSQL %d at 127.0.0.1:%d, the service at %s
          target    PostgreSQL %d at 127.0.0.1:%d, the service at %s
          name      %s at the DNS server 127.0.0.1:%d
          clients   %d, together up to %d writes a second, which look the name up and never repeat a write
          engine    %s
        """,
        world.source().version(),
        world.source().port(),
        LabWorld.SOURCE_ADDRESS,
        world.target().version(),
        world.target().port(),
        LabWorld.TARGET_ADDRESS,
        LabWorld.NAME,
        world.dns().port(),
        CLIENTS,
        WRITES_PER_SECOND,
        world.temporal().description());
  }

  private void start(LabWorld world) {
    LabRunbook runbook = LabRunbook.quick(NAME);
    if (back) {
      runbook = runbook.withWindow(Duration.ofMinutes(10));
    }
    Ran started = world.product().run("start", world.write(runbook).toString());
    if (started.exit() != 0) {
      throw new IllegalStateException("whimbrel start: " + started.out() + started.err());
    }
    out.println("$ whimbrel start " + NAME + ".yaml");
  }

  private void goBack(LabWorld world, Ledger ledger) {
    long now = ledger.acknowledged();
    Poll.until(
        "writes on the target", LIMIT, () -> ledger.acknowledged() > now + WRITES_BEFORE_ROLLBACK);
    out.println("$ whimbrel rollback " + NAME + " --yes --reason \"we want to see it\"");
    Ran ran = world.product().run("rollback", NAME, "--yes", "--reason", "we want to see it");
    if (ran.exit() != 0) {
      throw new IllegalStateException("whimbrel rollback: " + ran.out() + ran.err());
    }
  }

  /** On a terminal the world stays up, so that there is something to look at. */
  private void linger(LabWorld world) {
    world
        .temporal()
        .server()
        .ifPresent(
            server -> {
              out.printf(
                  "The whole story: %s/namespaces/default/workflows/%s%s%n",
                  server.uiUrl(), MigrationWorkflow.ID_PREFIX, NAME);
              if (Boolean.getBoolean("whimbrel.terminal")) {
                out.println("It stays there until you press Enter.");
                Scanner keyboard = new Scanner(System.in, StandardCharsets.UTF_8);
                if (keyboard.hasNextLine()) {
                  keyboard.nextLine();
                }
              }
            });
    if (world.temporal().server().isEmpty()) {
      out.println(world.temporal().description());
    }
  }
}
