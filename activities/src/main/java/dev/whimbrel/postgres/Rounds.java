package dev.whimbrel.postgres;

import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.RoundsRequest;
import dev.whimbrel.activity.VerificationReport;
import io.temporal.client.ActivityCanceledException;
import io.temporal.failure.ApplicationFailure;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * Compares both databases round and round. One pair of sessions is at work, and rests for as long
 * as it has worked: nobody waits for it, and the servers have others to serve.
 */
final class Rounds {
  /** What one round has found is believed when the next one finds some too, and that comes soon. */
  private static final Duration BEFORE_BELIEVING = Duration.ofMinutes(1);

  private static final int JOBS = 1;

  private final Databases databases;
  private final RoundsRequest request;
  private final Cuts cuts;
  private @Nullable VerificationReport latest;
  private long rounds;

  Rounds(Databases databases, RoundsRequest request, Cuts cuts) {
    this.databases = databases;
    this.request = request;
    this.cuts = cuts;
    Progress before = Heartbeats.last().orElse(null);
    this.latest = before == null ? null : before.verification();
  }

  /** Ends with a report where differences stay, or where it is cancelled after a first round. */
  VerificationReport keep(Pulse pulse) {
    try {
      while (true) {
        VerificationReport before = latest;
        boolean doubtful = before != null && before.differences() > 0;
        say(pulse, Progress.of(resting(before)));
        pulse.rest(doubtful ? soon() : request.every());
        VerificationReport found = round(pulse);
        if (found != null) {
          latest = found.withoutRows();
          rounds++;
          if (doubtful && found.differences() > 0) {
            return found;
          }
        }
      }
    } catch (ActivityCanceledException e) {
      if (latest != null) {
        return latest;
      }
      throw e;
    }
  }

  private Duration soon() {
    return request.every().compareTo(BEFORE_BELIEVING) < 0 ? request.every() : BEFORE_BELIEVING;
  }

  /** One round; null where the databases cannot be compared now, which is said and tried again. */
  private @Nullable VerificationReport round(Pulse pulse) {
    try {
      return compare(pulse);
    } catch (ApplicationFailure e) {
      say(pulse, Progress.of("the databases could not be compared: " + e.getOriginalMessage()));
      pulse.rest(soon());
      return null;
    }
  }

  private VerificationReport compare(Pulse pulse) {
    try {
      return new Comparison(databases, request.verify(), Breath.HALF, cuts, JOBS)
          .run(
              progress -> {
                say(pulse, progress.said("comparing in the background: " + progress.line()));
                pulse.check();
              });
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot compare both databases", e);
    }
  }

  private static String resting(@Nullable VerificationReport before) {
    return before == null
        ? "both databases are compared in a while"
        : "compared at %s: %d rows, %d differences"
            .formatted(before.at(), before.rows(), before.differences());
  }

  private void say(Pulse pulse, Progress progress) {
    pulse.say(
        new Progress(
                progress.line(),
                progress.done(),
                progress.total(),
                null,
                null,
                null,
                null,
                Instant.now().toString())
            .after(rounds)
            .finding(latest));
  }
}
