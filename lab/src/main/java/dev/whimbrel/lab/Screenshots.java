package dev.whimbrel.lab;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import dev.whimbrel.lab.Product.Ran;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.migration.MigrationWorkflow;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Scanner;
import java.util.logging.LogManager;
import org.slf4j.LoggerFactory;

/**
 * Brings one migration to where it waits for its approval, then to its end. At each stop it prints
 * {@code NAME URL}, where to look in Temporal's web interface, and goes on at the next line of its
 * standard input. {@code docs/screenshots/take} calls it.
 */
public final class Screenshots {
  private static final String NAME = "shop-to-new";
  private static final Duration LIMIT = Duration.ofMinutes(5);

  private Screenshots() {}

  /** Runs the migration. */
  public static void main(String[] arguments) {
    ((Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME)).setLevel(Level.OFF);
    LogManager.getLogManager().reset();
    int code = 0;
    try {
      run();
    } catch (IllegalStateException e) {
      System.err.println(e.getMessage());
      code = 1;
    }
    System.exit(code);
  }

  private static void run() {
    Scanner input = new Scanner(System.in, StandardCharsets.UTF_8);
    Ledger ledger = new Ledger();
    LabRunbook runbook = LabRunbook.quick(NAME).approved();
    try (LabWorld world = LabWorld.build().pooled().onRealTemporal().start();
        LabMigration migration = new LabMigration(world, NAME);
        Writers writers = Writers.start(ledger, world::connectAsShop, 4, 200)) {
      var unused = world.product().startWorker();
      command(world, "start", world.write(runbook).toString());
      migration.await(
          "the approval", LIMIT, status -> waitsAt(status.state(), "cutover", status.phase()));
      stop("waiting", world, input);
      command(world, "approve", NAME, "--by", "ana@example.com");
      migration.await(
          "the last approval",
          LIMIT,
          status -> waitsAt(status.state(), "decommission", status.phase()));
      command(world, "approve", NAME, "--by", "ana@example.com");
      migration.await("the end", LIMIT, status -> status.state() == State.ENDED);
      writers.reconnect();
      stop("finished", world, input);
    }
  }

  private static boolean waitsAt(State state, String wanted, String phase) {
    return state == State.WAITING_FOR_APPROVAL && phase.equals(wanted);
  }

  private static void command(LabWorld world, String... arguments) {
    Ran ran = world.product().run(arguments);
    if (ran.exit() != 0) {
      throw new IllegalStateException(String.join(" ", arguments) + ": " + ran.out() + ran.err());
    }
  }

  private static void stop(String name, LabWorld world, Scanner input) {
    String ui = world.temporal().server().orElseThrow().uiUrl();
    System.out.printf(
        "%s %s/namespaces/default/workflows/%s%s%n", name, ui, MigrationWorkflow.ID_PREFIX, NAME);
    System.out.flush();
    if (input.hasNextLine()) {
      input.nextLine();
    }
  }
}
