package dev.whimbrel.lab;

import java.time.Duration;
import java.util.Collection;
import java.util.List;

/** Times as tables tell them. */
final class Seconds {
  private Seconds() {}

  static double of(Duration took) {
    return took.toMillis() / 1000.0;
  }

  static double median(Collection<Duration> took) {
    List<Duration> sorted = took.stream().sorted().toList();
    int middle = sorted.size() / 2;
    return sorted.size() % 2 == 1
        ? of(sorted.get(middle))
        : (of(sorted.get(middle - 1)) + of(sorted.get(middle))) / 2;
  }
}
