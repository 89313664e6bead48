package dev.whimbrel.lab;

import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Measures how long Whimbrel and others copy a database of several gigabytes and build its indexes,
 * between the same two PostgreSQL 15 servers, with the same number of jobs, in turns. Ends with 1
 * if a copy differs from the original; times decide nothing.
 */
final class CopyBenchmark {
  private static final String USAGE =
      "Usage: lab/benchmark copy [--gigabytes N] [--rounds N] [--jobs N] [--disturbed] [--only WORD,…]";

  private final Options options;
  private final Map<String, List<Duration>> figures = new LinkedHashMap<>();
  private boolean good = true;

  private CopyBenchmark(Options options) {
    this.options = options;
  }

  private record Options(
      int gigabytes, int rounds, int jobs, boolean disturbed, List<String> only) {
    static Options of(List<String> arguments) {
      int gigabytes = 4;
      int rounds = 3;
      int jobs = 4;
      boolean disturbed = false;
      List<String> only = List.of();
      for (int i = 0; i < arguments.size(); i++) {
        switch (arguments.get(i)) {
          case "--gigabytes" -> gigabytes = Integer.parseInt(arguments.get(++i));
          case "--rounds" -> rounds = Integer.parseInt(arguments.get(++i));
          case "--jobs" -> jobs = Integer.parseInt(arguments.get(++i));
          case "--disturbed" -> disturbed = true;
          case "--only" -> only = List.of(arguments.get(++i).split(","));
          default -> throw new IllegalArgumentException(arguments.get(i));
        }
      }
      if (gigabytes < 1 || rounds < 1 || jobs < 1) {
        throw new IllegalArgumentException("too small");
      }
      return new Options(gigabytes, rounds, jobs, disturbed, only);
    }

    /** Whether somebody is measured beside Whimbrel's own undisturbed copy. */
    boolean wants(CopyTool tool) {
      return only.isEmpty() || only.stream().anyMatch(tool.word()::contains);
    }
  }

  /** Runs the benchmark with the arguments behind {@code copy}; returns its exit code. */
  static int run(List<String> arguments) {
    Options options;
    try {
      options = Options.of(arguments);
    } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
      System.err.println(USAGE);
      return 2;
    }
    CopyBenchmark benchmark = new CopyBenchmark(options);
    return Benchmark.exitCode(benchmark::run);
  }

  /** Whether every copy was as the original. */
  private boolean run() throws SQLException {
    List<CopyTool> tools = new ArrayList<>();
    tools.add(new CopyByWhimbrel(Disturbance.NONE, options.disturbed()));
    Stream<? extends CopyTool> others =
        options.disturbed()
            ? Disturbance.all().stream().map(disturbance -> new CopyByWhimbrel(disturbance, true))
            : CopyPrograms.all().stream();
    others.filter(options::wants).forEach(tools::add);
    try (CopyWorld world = new CopyWorld(options.jobs())) {
      CopyData.create(world.source(), options.gigabytes());
      // Files of the log are made once and used again: the first to copy would pay for all.
      CopyData.create(world.target(), options.gigabytes());
      System.out.println(CopyData.describe(world.source()) + ", " + options.jobs() + " jobs");
      List<String> original = CopyData.content(world.source());
      for (int round = 1; round <= options.rounds(); round++) {
        for (CopyTool tool : tools) {
          one(world, tool, round, original);
        }
        // Nobody always comes behind the same other one.
        Collections.rotate(tools, 1);
      }
    }
    print();
    return good;
  }

  private void one(CopyWorld world, CopyTool tool, int round, List<String> original)
      throws SQLException {
    world.empty();
    Duration took = tool.copy(world);
    List<String> copy = CopyData.content(world.target());
    tool.tidy(world);
    boolean same = copy.equals(original);
    good &= same;
    figures.computeIfAbsent(tool.word(), word -> new ArrayList<>()).add(took);
    System.out.printf(
        Locale.ROOT,
        "  %d. %s: %.1f s%s%s%n",
        round,
        tool.word(),
        Seconds.of(took),
        tool.parts().isEmpty() ? "" : ": " + tool.parts(),
        same ? "" : "; DIFFERS: " + copy + " instead of " + original);
  }

  private void print() {
    System.out.printf("%n| tool | rounds | seconds | of whimbrel's |%n|---|---|---|---|%n");
    double ours = Seconds.median(figures.getOrDefault("whimbrel", List.of()));
    figures.forEach(
        (word, took) ->
            System.out.printf(
                Locale.ROOT,
                "| `%s` | %d | %.1f (%.1f–%.1f) | %.2f |%n",
                word,
                took.size(),
                Seconds.median(took),
                Seconds.of(Collections.min(took)),
                Seconds.of(Collections.max(took)),
                Seconds.median(took) / ours));
  }
}
