package dev.whimbrel.cli;

import dev.whimbrel.activity.Progress;
import io.temporal.api.workflow.v1.PendingActivityInfo;
import java.time.Duration;
import java.time.Instant;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Whether a source that was closed for an offline copy is still kept closed: the workflow knows
 * only that it was closed, and it opens by itself where nobody renews that.
 */
final class ClosingSigns {
  private static final String KEEPER = "KeepClosed";

  /** A closing that nobody has renewed for as long lets writers through. */
  private static final Duration LEASE = Duration.ofSeconds(20);

  private ClosingSigns() {}

  /** Whether the source may take writes again although the migration takes it for closed. */
  static boolean doubtful(Snapshot snapshot) {
    return snapshot.now().stream()
        .anyMatch(each -> each.activity().equals(KEEPER) && each.warning() != null);
  }

  /** What somebody should know of an activity before it does harm, or null. */
  static @Nullable String warning(
      PendingActivityInfo pending, @Nullable Progress said, Instant now) {
    String own = said == null ? null : said.warning();
    if (own != null || !pending.getActivityType().getName().equals(KEEPER)) {
      return own;
    }
    Instant lastSign =
        Stream.of(
                pending.hasScheduledTime() ? pending.getScheduledTime() : null,
                pending.hasLastStartedTime() ? pending.getLastStartedTime() : null,
                pending.hasLastHeartbeatTime() ? pending.getLastHeartbeatTime() : null)
            .map(time -> Migrations.instant(time, Instant.EPOCH))
            .max(Instant::compareTo)
            .orElseThrow();
    return Duration.between(lastSign, now).compareTo(LEASE) <= 0
        ? null
        : "THE SOURCE MAY TAKE WRITES AGAIN: nobody who keeps it closed has been heard of since "
            + lastSign;
  }
}
