package dev.whimbrel.lab;

import dev.whimbrel.lab.Product.Ran;
import dev.whimbrel.migration.MigrationStatus;
import dev.whimbrel.servers.ChildProcess;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * Measures how long a switchover holds up eight writers. Each round makes two fresh PostgreSQL 15
 * servers that wait for their disks, moves the one to the other with a worker and {@code whimbrel
 * start}, and two seconds after the switchover holds every acknowledged write against the target.
 * Ends with 1 if a write was lost or doubled, or a client behind a pooler saw an error; times
 * decide nothing.
 */
@Command(
    name = "lab/benchmark",
    mixinStandardHelpOptions = true,
    subcommands = {CopyBenchmark.class, VerifyBenchmark.class},
    description = "How long a switchover holds up eight writers.")
final class PauseBenchmark implements Callable<Integer> {
  private static final int WRITERS = 8;
  private static final String ALL = "all";
  private static final int WARM_UP = 2_000;
  private static final Duration LIMIT = Duration.ofMinutes(5);
  private static final String NAME = "pause";

  @Option(
      names = "--scenario",
      description = "pooled, direct, pooled-far, direct-far or all (default: ${DEFAULT-VALUE})")
  String scenario = ALL;

  @Option(names = "--rounds", description = "how often (default: ${DEFAULT-VALUE})")
  int rounds = 5;

  @Option(
      names = "--rate",
      description = "writes a second; 0 without a limit (default: ${DEFAULT-VALUE})")
  int rate = 2_000;

  @Option(names = "--rows", description = "rows of every other insert (default: ${DEFAULT-VALUE})")
  int rows = 10;

  @Spec CommandSpec spec = CommandSpec.create();

  private boolean good = true;

  @Override
  public Integer call() {
    Benchmark.atLeast(spec, "--rounds", 1, rounds);
    Benchmark.atLeast(spec, "--rate", 0, rate);
    Benchmark.atLeast(spec, "--rows", 1, rows);
    if (scenarios().isEmpty()) {
      throw new ParameterException(
          spec.commandLine(),
          "There is no scenario %s; there are %s and all"
              .formatted(
                  scenario,
                  Stream.of(PauseScenario.values())
                      .map(PauseScenario::word)
                      .collect(Collectors.joining(", "))));
    }
    return Benchmark.exitCode(this::run);
  }

  private List<PauseScenario> scenarios() {
    return Stream.of(PauseScenario.values())
        .filter(each -> scenario.equals(ALL) || scenario.equals(each.word()))
        .toList();
  }

  private String load() {
    return "%d writers, %s, %s"
        .formatted(
            WRITERS,
            rate == 0 ? "as fast as they can" : "at most " + rate + " writes a second",
            rows == 1 ? "one row an insert" : "every other insert of " + rows + " rows");
  }

  /** Whether nothing was lost, and no client behind a pooler saw an error. */
  private boolean run() throws SQLException {
    System.out.println("PostgreSQL 15 to 15, " + load());
    List<String> lines = new ArrayList<>();
    for (PauseScenario each : scenarios()) {
      System.out.printf("%n%s: %s%n", each.word(), each.description());
      List<PauseRound> measured = new ArrayList<>();
      for (int i = 1; i <= rounds; i++) {
        PauseRound round = round(each);
        measured.add(round);
        System.out.println("  " + PauseTable.line(i + ".", List.of(round)));
      }
      lines.add(PauseTable.line(each.word(), measured));
    }
    System.out.printf("%n%s%n", PauseTable.HEAD);
    lines.forEach(System.out::println);
    return good;
  }

  private PauseRound round(PauseScenario measured) throws SQLException {
    Ledger ledger = new Ledger();
    try (LabWorld world = measured.world();
        LabMigration migration = new LabMigration(world, NAME)) {
      ChildProcess worker = world.product().startWorker();
      PauseFigures figures;
      try (Writers writers = Writers.start(ledger, world::connectAsShop, WRITERS, rate, rows)) {
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
      if (measured.pooled()) {
        ledger.errors().stream().distinct().limit(5).forEach(System.out::println);
      }
      good &= judgement.wrongs().isEmpty() && (ledger.errors().isEmpty() || !measured.pooled());
      return PauseRound.of(figures, judgement, ledger);
    }
  }
}
