package dev.whimbrel.checks;

import dev.whimbrel.checks.GuardWindow.Kind;
import dev.whimbrel.checks.GuardWindow.Sample;
import dev.whimbrel.checks.GuardWindow.State;
import dev.whimbrel.checks.GuardWindow.Verdict;
import dev.whimbrel.runbook.GuardSpec;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Judges the target's side by the source's, asked at the same moments. Pure.
 *
 * <ul>
 *   <li>A moment at which both sides failed tells nothing, unless a control probe answered: this
 *       machine's own network may be lost.
 *   <li>Where it answered, such moments are failures of both. They make no difference between the
 *       sides; but when most of the latest thirty are such, the service is down.
 *   <li>A difference in errors counts when it is above the share allowed, at least three, and more
 *       than the source's own errors would vary by.
 *   <li>A percentile counts when at least three answers lie above it, and it is slower than the
 *       source's by more than is allowed.
 * </ul>
 */
final class SideBySide {
  private static final int FEWEST_BAD = 3;

  /** How far chance goes: three standard deviations are left once in seven hundred. */
  private static final double DEVIATIONS = 3;

  private static final int[] PERCENTILES = {50, 95, 99};

  private final GuardSpec.Compare allowed;
  private final String over;
  private final List<Sample> samples;
  private final long[] source;
  private final long[] target;

  /**
   * @param over the time that the samples are from, in words
   */
  SideBySide(GuardSpec.Compare allowed, List<Sample> samples, String over) {
    this.allowed = allowed;
    this.over = over;
    this.samples = samples.stream().filter(SideBySide::known).toList();
    this.source = millis(this.samples.stream().map(Sample::pair).map(SideBySide::source));
    this.target = millis(this.samples.stream().map(Sample::pair).map(SideBySide::target));
  }

  /**
   * What both sides did at one moment.
   *
   * @param source how long the source's side took to answer well; null where it failed
   * @param target how long the target's side took to answer well; null where it failed
   */
  record Pair(@Nullable Duration source, @Nullable Duration target) {}

  /**
   * Judges what is known. While the latest moment failed at both sides it is never good.
   *
   * @param fewest samples of a side, below which nothing is
   * @param blind whether the latest look saw nothing
   */
  Verdict judge(int fewest, boolean blind) {
    String figures =
        "target %s, source %s"
            .formatted(
                figures(samples.size() - target.length, target),
                figures(samples.size() - source.length, source));
    if (samples.size() < fewest || blind) {
      return new Verdict(State.NOT_KNOWN, "not known: " + figures);
    }
    return moreErrors()
        .or(() -> slower(fewest))
        .or(() -> down(fewest))
        .map(why -> new Verdict(State.BREACHED, "%s in %s, %s".formatted(figures, over, why)))
        .orElseGet(
            () ->
                failedTogether(samples.get(samples.size() - 1))
                    ? new Verdict(State.NOT_KNOWN, "not known: " + figures)
                    : new Verdict(State.GOOD, figures));
  }

  private Optional<String> down(int fewest) {
    long together =
        samples.subList(samples.size() - fewest, samples.size()).stream()
            .filter(SideBySide::failedTogether)
            .count();
    return together * 2 > fewest
        ? Optional.of(
            "both sides failed at %d of the latest %d moments while the control probe answered; the last: %s"
                .formatted(together, fewest, lastBad()))
        : Optional.empty();
  }

  private Optional<String> moreErrors() {
    int expected = samples.size() - source.length;
    int more = source.length - target.length;
    boolean real = more >= Math.max(FEWEST_BAD, DEVIATIONS * Math.sqrt(2.0 * expected));
    return real && more > samples.size() * allowed.moreErrors().fraction()
        ? Optional.of(
            "allowed %s more failures than at the source; the last: %s"
                .formatted(allowed.moreErrors(), lastBad()))
        : Optional.empty();
  }

  private Optional<String> slower(int fewest) {
    if (source.length < fewest || target.length < fewest) {
      return Optional.empty();
    }
    for (int percentile : PERCENTILES) {
      long limit = at(source, percentile) + allowed.slowerBy().toMillis();
      long above = Arrays.stream(target).filter(millis -> millis > limit).count();
      if (above >= FEWEST_BAD && above > target.length * (100 - percentile) / 100.0) {
        return Optional.of(
            "allowed p%d %d ms slower than the source's: %d answers took more than %d ms"
                .formatted(percentile, allowed.slowerBy().toMillis(), above, limit));
      }
    }
    return Optional.empty();
  }

  private String figures(int failed, long[] sorted) {
    List<String> words = new ArrayList<>();
    for (int percentile : sorted.length == 0 ? new int[0] : PERCENTILES) {
      words.add("p%d %d ms".formatted(percentile, at(sorted, percentile)));
    }
    words.add(0, "%d of %d failed".formatted(failed, samples.size()));
    return String.join(" ", words);
  }

  private String lastBad() {
    return samples.stream()
        .filter(each -> target(each.pair()).isEmpty())
        .reduce((first, second) -> second)
        .map(Sample::text)
        .orElse("");
  }

  private static boolean known(Sample sample) {
    return sample.pair() != null && sample.kind() != Kind.UNKNOWN;
  }

  private static boolean failedTogether(Sample sample) {
    return source(sample.pair()).isEmpty() && target(sample.pair()).isEmpty();
  }

  private static Optional<Duration> source(@Nullable Pair pair) {
    return pair == null ? Optional.empty() : Optional.ofNullable(pair.source());
  }

  private static Optional<Duration> target(@Nullable Pair pair) {
    return pair == null ? Optional.empty() : Optional.ofNullable(pair.target());
  }

  private static long[] millis(Stream<Optional<Duration>> answers) {
    return answers.flatMap(Optional::stream).mapToLong(Duration::toMillis).sorted().toArray();
  }

  private static long at(long[] sorted, int percentile) {
    int rank = (int) Math.ceil(sorted.length * percentile / 100.0);
    return sorted[Math.max(0, rank - 1)];
  }
}
