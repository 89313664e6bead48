package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Side;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Sees to it that every sequence of the losing side can be carried: a missing one, or one with
 * other bounds, would hand values out again, or stop the switchover inside the pause.
 */
final class SequencePairing {
  private SequencePairing() {}

  /**
   * Compares what {@link Sequences#LIST} gives on both sides.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} naming the first that cannot
   *     be carried
   */
  static void check(
      String migration,
      Side from,
      List<List<@Nullable String>> losing,
      List<List<@Nullable String>> gaining) {
    Map<String, List<@Nullable String>> there = new HashMap<>();
    for (List<@Nullable String> row : gaining) {
      there.put(Quoting.plain(Objects.requireNonNull(row.get(0))), row);
    }
    for (List<@Nullable String> row : losing) {
      String name = Objects.requireNonNull(row.get(0));
      List<@Nullable String> other = there.get(Quoting.plain(name));
      if (other == null) {
        throw Failures.needsHelp(
            "Sequence %s is missing on the %s: its values would be given out again"
                .formatted(name, from.other().word()),
            "make it there as it is on the %s, then retry".formatted(from.word()),
            "CREATE SEQUENCE " + name + " " + shown(row) + ";");
      }
      if (!row.subList(1, row.size()).equals(other.subList(1, other.size()))) {
        throw Failures.needsHelp(
            "Sequence %s is not the same on both sides: %s on the %s, %s on the %s"
                .formatted(name, shown(row), from.word(), shown(other), from.other().word()),
            "make it the same on both sides; then retry",
            "whimbrel retry " + migration);
      }
    }
  }

  private static String shown(List<@Nullable String> row) {
    return "INCREMENT %s MINVALUE %s MAXVALUE %s%s"
        .formatted(row.get(1), row.get(2), row.get(3), "t".equals(row.get(4)) ? " CYCLE" : "");
  }
}
