package dev.whimbrel.lab;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import dev.whimbrel.lab.Product.Ran;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.servers.ChildProcess;
import java.io.UncheckedIOException;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.ToLongFunction;
import java.util.logging.LogManager;
import java.util.stream.Stream;
import org.slf4j.LoggerFactory;

/**
 * Measures how long a switchover holds up eight writers: {@code lab/benchmark [--scenario NAME|all]
 * [--rounds N] [--rate WRITES_A_SECOND]}. Each round makes two fresh PostgreSQL 15 servers that
 * wait for their disks, moves the one to the other with a worker and {@code start --watch}, and
 * holds every acknowledged write against the target. Ends with 1 if a write was lost or doubled, or
 * a client behind a pooler saw an error; times decide nothing.
 */
public final class PauseBenchmark {
  private static final String USAGE =
      "Usage: lab/benchmark [--scenario pooled|direct|pooled-far|direct-far|all]"
          + " [--rounds N] [--rate WRITES_A_SECOND]";
  private static final int WRITERS = 8;
  private static final Duration LIMIT = Duration.ofMinutes(5);
  private static final String NAME = "pause";

  private final int rounds;
  private final int rate;
  private boolean good = true;

  private PauseBenchmark(int rounds, int rate) {
    this.rounds = rounds;
    this.rate = rate;
  }

  /** Runs the benchmark. */
  public static void main(String[] arguments) {
    String scenario = "pooled";
    int rounds = 5;
    int rate = 2_000;
    try {
      for (int i = 0; i < arguments.length; i += 2) {
        String value = arguments[i + 1];
        switch (arguments[i]) {
          case "--scenario" -> scenario = value;
          case "--rounds" -> rounds = Integer.parseInt(value);
          case "--rate" -> rate = Integer.parseInt(value);
          default -> throw new IllegalArgumentException(arguments[i]);
        }
      }
    } catch (IllegalArgumentException | ArrayIndexOutOfBoundsException e) {
      System.err.println(USAGE);
      System.exit(2);
    }
    String wanted = scenario;
    List<PauseScenario> scenarios =
        Stream.of(PauseScenario.values())
            .filter(each -> wanted.equals("all") || wanted.equals(each.word()))
            .toList();
    if (scenarios.isEmpty() || rounds < 1 || rate < 0) {
      System.err.println(USAGE);
      System.exit(2);
    }
    ((Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME)).setLevel(Level.OFF);
    LogManager.getLogManager().reset();
    PauseBenchmark benchmark = new PauseBenchmark(rounds, rate);
    int code;
    try {
      for (PauseScenario each : scenarios) {
        benchmark.measure(each);
      }
      code = benchmark.good ? 0 : 1;
    } catch (IllegalStateException | UncheckedIOException | SQLException e) {
      System.err.println("The benchmark failed: " + e.getMessage());
      code = 1;
    }
    System.out.flush();
    System.exit(code);
  }

  private void measure(PauseScenario scenario) throws SQLException {
    System.out.printf(
        "%n%s: PostgreSQL 15 to 15, %d writers, %s, %s%n",
        scenario.word(),
        WRITERS,
        rate == 0 ? "as fast as they can" : "at most " + rate + " writes a second",
        scenario.description());
    System.out.printf(
        "%6s %10s %9s %8s %10s %9s %6s %8s %8s %6s%n",
        "round",
        "writes",
        "writes/s",
        "gap ms",
        "before ms",
        "pause ms",
        "trips",
        "attempts",
        "refused",
        "wrong");
    List<PauseFigures> all = new ArrayList<>();
    for (int round = 1; round <= rounds; round++) {
      all.add(round(round, scenario));
    }
    print("median", all, PauseBenchmark::median);
    print("lowest", all, values -> values.get(0));
    print("highest", all, values -> values.get(values.size() - 1));
  }

  private PauseFigures round(int round, PauseScenario scenario) throws SQLException {
    Ledger ledger = new Ledger();
    try (LabWorld world = scenario.world();
        LabMigration migration = new LabMigration(world, NAME)) {
      ChildProcess worker = world.product().startWorker();
      PauseFigures figures;
      try (Writers writers = Writers.start(ledger, world::connectAsShop, WRITERS, rate)) {
        Poll.until("the first writes", LIMIT, () -> ledger.acknowledged() > 500);
        long began = System.nanoTime();
        String runbook = world.write(LabRunbook.quick(NAME)).toString();
        Ran ran = world.product().run(LIMIT, "start", runbook, "--watch");
        if (ran.exit() != 0) {
          throw new IllegalStateException(
              "start --watch ended with %d: %s%s%nThe worker's log ends with:%n%s"
                  .formatted(ran.exit(), ran.out(), ran.err(), worker.logTail(20)));
        }
        figures =
            PauseFigures.of(
                migration.await("the end", LIMIT, status -> status.state() == State.ENDED),
                ledger,
                began);
        writers.reconnect();
      }
      Judgement judgement = world.judgeTarget(ledger);
      judgement.wrongs().stream().limit(5).forEach(System.out::println);
      if (scenario.pooled()) {
        ledger.errors().stream().distinct().limit(5).forEach(System.out::println);
      }
      good &= judgement.wrongs().isEmpty() && (ledger.errors().isEmpty() || !scenario.pooled());
      System.out.printf(
          "%6d %,10d %,9d %8d %10d %9d %6d %8d %8d %6d%n",
          round,
          judgement.acknowledged(),
          figures.perSecond(),
          figures.gap().toMillis(),
          figures.otherGap().toMillis(),
          figures.pause(),
          figures.roundTrips(),
          figures.attempts(),
          ledger.errors().size(),
          judgement.wrongs().size());
      return figures;
    }
  }

  private static void print(String what, List<PauseFigures> all, ToLongFunction<List<Long>> pick) {
    System.out.printf(
        Locale.ROOT,
        "%-17s %,9d %8d %10d %9d %6d%n",
        what,
        of(all, pick, PauseFigures::perSecond),
        of(all, pick, figures -> figures.gap().toMillis()),
        of(all, pick, figures -> figures.otherGap().toMillis()),
        of(all, pick, PauseFigures::pause),
        of(all, pick, PauseFigures::roundTrips));
  }

  private static long of(
      List<PauseFigures> all,
      ToLongFunction<List<Long>> pick,
      ToLongFunction<PauseFigures> figure) {
    return pick.applyAsLong(all.stream().map(figure::applyAsLong).sorted().toList());
  }

  private static long median(List<Long> sorted) {
    int middle = sorted.size() / 2;
    return sorted.size() % 2 == 1
        ? sorted.get(middle)
        : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
  }
}
