package dev.whimbrel.cli;

import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Forecast;
import dev.whimbrel.activity.Forecast.Times;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The method that is advised, with the figures for it, in one line. */
final class MethodAdvice {
  /** What stands in the way of a stream alone; an offline move has none. */
  private static final Set<String> OF_A_STREAM =
      Set.of(
          "wal-level",
          "replication-right",
          "subscribe-right",
          "replica-identity",
          "identity-without-equality",
          "generated-identity",
          "max-replication-slots",
          "max-active-replication-origins",
          "max-wal-senders",
          "max-logical-replication-workers",
          "max-worker-processes");

  private static final String CLOSED =
      "the service is closed for about %s, and for as long as a comparison takes";

  private MethodAdvice() {}

  /**
   * The line.
   *
   * @param closedFor how long the runbook lets the source be closed; zero where the service goes on
   * @param findings of the preflight
   */
  static String line(Forecast forecast, Duration closedFor, Collection<Finding> findings) {
    Times times = forecast.times();
    if (!closedFor.isZero()) {
      return "METHOD: offline: " + offline(times, closedFor);
    }
    List<String> blockers =
        findings.stream()
            .filter(finding -> finding.level() == Finding.Level.BLOCKER)
            .map(Finding::check)
            .filter(OF_A_STREAM::contains)
            .distinct()
            .sorted()
            .toList();
    if (!blockers.isEmpty()) {
      return "METHOD: online once %s %s mended. As it is only replicate.method: offline, which needs none of that: %s"
          .formatted(
              String.join(", ", blockers),
              blockers.size() == 1 ? "is" : "are",
              times == null
                  ? "for how long it keeps the service closed is not known, since nothing was measured"
                  : CLOSED.formatted(seconds(times)));
    }
    return times == null
        ? "METHOD: %s. How long an offline move would keep the service closed is not known: nothing was measured"
            .formatted(forecast.method())
        : "METHOD: %s: the service goes on meanwhile. An offline move would keep it closed for about %s, and for as long as a comparison takes"
            .formatted(forecast.method(), seconds(times));
  }

  private static String offline(@Nullable Times times, Duration closedFor) {
    if (times == null) {
      return "the service is closed for %s at the most. How long it takes is not known: nothing was measured"
          .formatted(Words.duration(closedFor));
    }
    return CLOSED.formatted(seconds(times))
        + "; for %s at the most".formatted(Words.duration(closedFor))
        + (times.whole() < closedFor.toSeconds()
            ? ""
            : ". THAT IS NOT ENOUGH: nothing would be handed over, and the source would open by itself");
  }

  private static String seconds(Times times) {
    return Words.duration(Duration.ofSeconds(times.whole()));
  }
}
