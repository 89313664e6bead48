package dev.whimbrel.lab;

import java.util.List;
import java.util.Locale;
import java.util.function.ToLongFunction;

/** The lines of {@link PauseBenchmark}'s table, as docs/benchmarks.md has them. */
final class PauseTable {
  static final String HEAD =
      """
      | scenario | rounds | writes/s | gap ms | before ms | pause ms | trips | lost | doubled | client errors |
      |---|---|---|---|---|---|---|---|---|---|""";

  private PauseTable() {}

  /** Median, and in brackets lowest and highest, of a scenario's rounds. */
  static String line(String scenario, List<PauseRound> rounds) {
    long acknowledged = sum(rounds, PauseRound::acknowledged);
    return String.format(
        Locale.ROOT,
        "| `%s` | %d | %s | %s | %s | %s | %s | %d of %,d | %d | %,d |",
        scenario,
        rounds.size(),
        spread(rounds, round -> round.figures().perSecond()),
        spread(rounds, round -> round.figures().gap().toMillis()),
        spread(rounds, round -> round.figures().otherGap().toMillis()),
        spread(rounds, round -> round.figures().pause()),
        spread(rounds, round -> round.figures().roundTrips()),
        sum(rounds, PauseRound::lost),
        acknowledged,
        sum(rounds, PauseRound::doubled),
        sum(rounds, PauseRound::errors));
  }

  private static long sum(List<PauseRound> rounds, ToLongFunction<PauseRound> figure) {
    return rounds.stream().mapToLong(figure).sum();
  }

  private static String spread(List<PauseRound> rounds, ToLongFunction<PauseRound> figure) {
    long[] sorted = rounds.stream().mapToLong(figure).sorted().toArray();
    long lowest = sorted[0];
    long highest = sorted[sorted.length - 1];
    return lowest == highest
        ? String.format(Locale.ROOT, "%,d", lowest)
        : String.format(Locale.ROOT, "%,d (%,d–%,d)", median(sorted), lowest, highest);
  }

  private static long median(long[] sorted) {
    int middle = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }
}
