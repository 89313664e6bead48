package dev.whimbrel.lab;

import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Measures how long Whimbrel and others copy a database of several gigabytes and build its indexes,
 * between the same two PostgreSQL 15 servers, with the same number of jobs, in turns. Ends with 1
 * if a copy differs from the original; times decide nothing.
 */
@Command(
    name = "copy",
    mixinStandardHelpOptions = true,
    description =
        "How long a bulk copy takes, against pgcopydb, pg_dump and table synchronisation.")
final class CopyBenchmark implements Callable<Integer> {
  @Mixin final Scale scale = new Scale(4, 3, 4);

  @Option(
      names = "--disturbed",
      description = "let only Whimbrel copy, while workers, servers and connections fail")
  boolean disturbed;

  @Option(
      names = "--only",
      paramLabel = "WORD",
      split = ",",
      description = "beside Whimbrel's undisturbed copy only those that have this in their name")
  List<String> only = List.of();

  private final Map<String, List<Duration>> figures = new LinkedHashMap<>();
  private final Random orders = new Random(7);
  private boolean good = true;

  @Override
  public Integer call() {
    scale.check();
    return Benchmark.exitCode(this::run);
  }

  private boolean wants(CopyTool tool) {
    return only.isEmpty() || only.stream().anyMatch(tool.word()::contains);
  }

  /** Whether every copy was as the original. */
  private boolean run() throws SQLException {
    List<CopyTool> tools = new ArrayList<>();
    tools.add(new CopyByWhimbrel(Disturbance.NONE, disturbed));
    Stream<? extends CopyTool> others =
        disturbed
            ? Disturbance.all().stream().map(disturbance -> new CopyByWhimbrel(disturbance, true))
            : CopyPrograms.all().stream();
    others.filter(this::wants).forEach(tools::add);
    try (CopyWorld world = new CopyWorld(scale.jobs)) {
      CopyData.create(world.source(), scale.gigabytes);
      // Files of the log are made once and used again: the first to copy would pay for all.
      CopyData.create(world.target(), scale.gigabytes);
      System.out.println(CopyData.describe(world.source()) + ", " + scale.jobs + " jobs");
      List<String> original = CopyData.content(world.source());
      for (int round = 1; round <= scale.rounds; round++) {
        for (CopyTool tool : tools) {
          one(world, tool, round, original);
        }
        // Nobody always comes behind the same other one.
        Collections.shuffle(tools, orders);
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
    List<Duration> ours = figures.getOrDefault("whimbrel", List.of());
    figures.forEach(
        (word, took) -> {
          List<Double> ratios = ratios(took, ours);
          System.out.printf(
              Locale.ROOT,
              "| `%s` | %d | %.1f (%.1f–%.1f) | %.2f (%.2f–%.2f) |%n",
              word,
              took.size(),
              Seconds.median(took),
              Seconds.of(Collections.min(took)),
              Seconds.of(Collections.max(took)),
              Seconds.median(took) / Seconds.median(ours),
              Collections.min(ratios),
              Collections.max(ratios));
        });
  }

  /** Round by round. */
  private static List<Double> ratios(List<Duration> took, List<Duration> ours) {
    return IntStream.range(0, took.size())
        .mapToObj(round -> Seconds.of(took.get(round)) / Seconds.of(ours.get(round)))
        .toList();
  }
}
