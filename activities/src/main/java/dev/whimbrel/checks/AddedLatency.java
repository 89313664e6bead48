package dev.whimbrel.checks;

import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Side;
import java.io.IOException;
import java.net.InetAddress;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * How much slower the target's stack answers than the source's, asked by turns. Name, connection
 * and handshake are not counted: they tell where this worker is.
 */
final class AddedLatency {
  static final int SAMPLES = 30;
  private static final String CHECK = "canary-latency";

  private final Stacks stacks;
  private final URI url;
  private final Map<Side, long[]> micros = new EnumMap<>(Side.class);
  private final Map<Side, String> failed = new EnumMap<>(Side.class);

  AddedLatency(Stacks stacks, URI url) {
    this.stacks = stacks;
    this.url = url;
  }

  /**
   * Asks both sides.
   *
   * @param progress told how many of its turns are over
   */
  AddedLatency measure(Consumer<Integer> progress) {
    Map<Side, List<Long>> took = new EnumMap<>(Side.class);
    for (int i = 0; i < SAMPLES; i++) {
      progress.accept(i);
      for (Side side : Side.values()) {
        InetAddress at = stacks.of(side).get(i % stacks.of(side).size());
        try {
          HttpAnswer answer = stacks.ask(url, at, List.of());
          if (answer.status() < 400) {
            took.computeIfAbsent(side, s -> new ArrayList<>()).add(answer.took().toNanos() / 1000);
            continue;
          }
          failed.put(side, "%s: status %d".formatted(at.getHostAddress(), answer.status()));
        } catch (IOException e) {
          failed.put(side, "%s: %s".formatted(at.getHostAddress(), e.getMessage()));
        }
      }
    }
    for (Side side : Side.values()) {
      micros.put(
          side,
          took.getOrDefault(side, List.of()).stream()
              .mapToLong(Long::longValue)
              .sorted()
              .toArray());
    }
    return this;
  }

  /** What stands in the way: more than {@code limit}, or a side that did not answer each time. */
  Optional<Finding> finding(@Nullable Duration limit) {
    if (!failed.isEmpty()) {
      return Optional.of(
          new Finding(
              Finding.Level.BLOCKER,
              CHECK,
              url.toString(),
              "expected %d answers of each side, the last failures were %s."
                  .formatted(SAMPLES, String.join("; ", failed.values())),
              "see why it does not answer each time."));
    }
    if (limit == null || addedMillis() <= limit.toMillis()) {
      return Optional.empty();
    }
    return Optional.of(
        new Finding(
            Finding.Level.BLOCKER,
            CHECK,
            url.toString(),
            "expected at most +%d ms, found that %s.".formatted(limit.toMillis(), line()),
            "bring the stacks nearer to each other, let a request ask its database less often, or"
                + " raise validate.canary.maxAddedLatency."));
  }

  /** The difference of the medians, never below 0; 0 where a side did not answer. */
  long addedMillis() {
    return Math.max(0, Math.round((median(Side.TARGET) - median(Side.SOURCE)) / 1000.0));
  }

  /** {@code the target's stack answers in 43 ms (p99 50 ms), the source's in 3 ms …: +40 ms}. */
  String line() {
    return "the target's stack answers in %s, the source's in %s: +%d ms"
        .formatted(figures(Side.TARGET), figures(Side.SOURCE), addedMillis());
  }

  private String figures(Side side) {
    long[] sorted = sorted(side);
    return sorted.length == 0
        ? "no time that is known"
        : "%d ms (p99 %d ms)"
            .formatted(
                Math.round(median(side) / 1000.0),
                Math.round(sorted[(int) Math.ceil(sorted.length * 0.99) - 1] / 1000.0));
  }

  private long median(Side side) {
    long[] sorted = sorted(side);
    return sorted.length == 0
        ? 0
        : Arrays.stream(sorted).skip((sorted.length - 1) / 2).findFirst().orElse(0);
  }

  private long[] sorted(Side side) {
    return micros.getOrDefault(side, new long[0]);
  }
}
