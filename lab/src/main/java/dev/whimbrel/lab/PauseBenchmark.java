package dev.whimbrel.lab;

import dev.whimbrel.lab.Product.Ran;
import dev.whimbrel.migration.MigrationStatus;
import dev.whimbrel.servers.ChildProcess;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Measures how long a switchover holds up eight writers. Each round makes two fresh PostgreSQL 15
 * servers that wait for their disks, moves the one to the other with a worker and {@code whimbrel
 * start}, and two seconds after the switchover holds every acknowledged write against the target.
 * Ends with 1 if a write was lost or doubled, or a client behind a pooler saw an error; times
 * decide nothing.
 */
final class PauseBenchmark {
  private static final String USAGE =
      "Usage: lab/benchmark [--scenario pooled|direct|pooled-far|direct-far|all]"
          + " [--rounds N] [--rate WRITES_A_SECOND] [--rows ROWS_AN_INSERT]";
  private static final int WRITERS = 8;
  private static final int WARM_UP = 2_000;
  private static final Duration LIMIT = Duration.ofMinutes(5);
  private static final String NAME = "pause";

  private final Options options;
  private boolean good = true;

  private PauseBenchmark(Options options) {
    this.options = options;
  }

  private record Options(List<PauseScenario> scenarios, int rounds, int rate, int rows) {
    static Options of(String[] arguments) {
      String scenario = "all";
      int rounds = 5;
      int rate = 2_000;
      int rows = 10;
      for (int i = 0; i < arguments.length; i += 2) {
        String value = i + 1 < arguments.length ? arguments[i + 1] : "";
        switch (arguments[i]) {
          case "--scenario" -> scenario = value;
          case "--rounds" -> rounds = Integer.parseInt(value);
          case "--rate" -> rate = Integer.parseInt(value);
          case "--rows" -> rows = Integer.parseInt(value);
          default -> throw new IllegalArgumentException(arguments[i]);
        }
      }
      String wanted = scenario;
      List<PauseScenario> scenarios =
          Stream.of(PauseScenario.values())
              .filter(each -> wanted.equals("all") || wanted.equals(each.word()))
              .toList();
      if (scenarios.isEmpty() || rounds < 1 || rate < 0 || rows < 1) {
        throw new IllegalArgumentException(wanted);
      }
      return new Options(scenarios, rounds, rate, rows);
    }

    String load() {
      return "%d writers, %s, %s"
          .formatted(
              WRITERS,
              rate == 0 ? "as fast as they can" : "at most " + rate + " writes a second",
              rows == 1 ? "one row an insert" : "every other insert of " + rows + " rows");
    }
  }

  /** Runs the benchmark; returns its exit code. */
  static int run(String[] arguments) {
    Options options;
    try {
      options = Options.of(arguments);
    } catch (IllegalArgumentException e) {
      System.err.println(USAGE);
      return 2;
    }
    PauseBenchmark benchmark = new PauseBenchmark(options);
    return Benchmark.exitCode(benchmark::run);
  }

  /** Whether nothing was lost, and no client behind a pooler saw an error. */
  private boolean run() throws SQLException {
    System.out.println("PostgreSQL 15 to 15, " + options.load());
    List<String> lines = new ArrayList<>();
    for (PauseScenario scenario : options.scenarios()) {
      System.out.printf("%n%s: %s%n", scenario.word(), scenario.description());
      List<PauseRound> rounds = new ArrayList<>();
      for (int i = 1; i <= options.rounds(); i++) {
        PauseRound round = round(scenario);
        rounds.add(round);
        System.out.println("  " + PauseTable.line(i + ".", List.of(round)));
      }
      lines.add(PauseTable.line(scenario.word(), rounds));
    }
    System.out.printf("%n%s%n", PauseTable.HEAD);
    lines.forEach(System.out::println);
    return good;
  }

  private PauseRound round(PauseScenario scenario) throws SQLException {
    Ledger ledger = new Ledger();
    try (LabWorld world = scenario.world();
        LabMigration migration = new LabMigration(world, NAME)) {
      ChildProcess worker = world.product().startWorker();
      PauseFigures figures;
      try (Writers writers =
          Writers.start(ledger, world::connectAsShop, WRITERS, options.rate(), options.rows())) {
        Poll.until("the first writes", LIMIT, () -> ledger.acknowledged() > WARM_UP);
        long began = System.nanoTime();
        String runbook = world.write(LabRunbook.quickest(NAME)).toString();
        Ran ran = world.product().run(LIMIT, "start", runbook);
        if (ran.exit() != 0) {
          throw new IllegalStateException(
              "start ended with %d: %s%s%nThe worker's log ends with:%n%s"
                  .formatted(ran.exit(), ran.out(), ran.err(), worker.logTail(20)));
        }
        MigrationStatus over =
            migration.await("the end of the switchover", LIMIT, PauseFigures::there);
        long until = PauseFigures.over(over) + PauseFigures.AFTER.toNanos();
        Poll.until("the writes after it", LIMIT, () -> System.nanoTime() > until);
        figures = PauseFigures.of(over, ledger, began);
        long soFar = ledger.acknowledged();
        writers.reconnect();
        Poll.until("writes over new sessions", LIMIT, () -> ledger.acknowledged() > soFar + 100);
      }
      Judgement judgement = world.judgeTarget(ledger);
      judgement.wrongs().stream().limit(5).forEach(System.out::println);
      if (scenario.pooled()) {
        ledger.errors().stream().distinct().limit(5).forEach(System.out::println);
      }
      good &= judgement.wrongs().isEmpty() && (ledger.errors().isEmpty() || !scenario.pooled());
      return PauseRound.of(figures, judgement, ledger);
    }
  }
}
