package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.RoundsRequest;
import dev.whimbrel.activity.VerificationReport;
import io.temporal.client.ActivityCanceledException;
import io.temporal.failure.ApplicationFailure;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.Collections;
import org.jspecify.annotations.Nullable;

/**
 * Compares both databases round and round. One pair of sessions is at work, and rests for as long
 * as it has worked, and while the runbook's throttle says so: nobody waits for it, and the servers
 * have others to serve. A round that never ends for that is no harm: the gate compares by itself.
 */
final class Rounds {
  /** What one round has found is believed when the next one finds it too, and that comes soon. */
  private static final Duration BEFORE_BELIEVING = Duration.ofMinutes(1);

  /** How long rounds may fail before a person is asked, where none succeeds. */
  private static final Duration PATIENCE = Duration.ofHours(1);

  /**
   * So much of the time between two failures counts: what failed later had got through, or had
   * rested behind a busy source. It lasts for whatever hinders rounds from beginning.
   */
  private static final Duration COUNTED = Duration.ofMinutes(5);

  /** A report names so many findings. */
  private static final int MANY = 100;

  private static final int JOBS = 1;

  private final Databases databases;
  private final RoundsRequest request;
  private final Cuts cuts;
  private @Nullable VerificationReport latest;
  private long rounds;
  private @Nullable Failing failing;

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
        if (failing == null) {
          say(pulse, Progress.of(resting(before)));
          pulse.rest(before(before, request.every()));
        } else {
          pulse.rest(shorter(request.every()));
        }
        VerificationReport found = round(pulse);
        if (found != null) {
          latest = found.withoutRows();
          rounds++;
          if (believed(before, found)) {
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

  /** How long it rests; a deployment may take a while to reach both catalogs. */
  static Duration before(@Nullable VerificationReport latest, Duration every) {
    boolean soon = latest != null && latest.differingRows() > 0;
    return soon ? shorter(every) : every;
  }

  /**
   * Whether two rounds have found the same. Of many rows each tells other ones, perhaps: that so
   * many differ twice is enough.
   */
  static boolean believed(@Nullable VerificationReport before, VerificationReport found) {
    if (before == null) {
      return false;
    }
    return !Collections.disjoint(before.findings(), found.findings())
        || (before.differingRows() > MANY && found.differingRows() > MANY);
  }

  private static Duration shorter(Duration every) {
    return every.compareTo(BEFORE_BELIEVING) < 0 ? every : BEFORE_BELIEVING;
  }

  /**
   * One round; null where the databases cannot be compared now, which is said and tried again, for
   * an hour of failing.
   */
  private @Nullable VerificationReport round(Pulse pulse) {
    try {
      VerificationReport found = compare(pulse);
      failing = null;
      return found;
    } catch (ApplicationFailure e) {
      if (e.isNonRetryable()) {
        throw e;
      }
      Instant now = Instant.now();
      failing = failing == null ? new Failing(now, now, Duration.ZERO) : failing.again(now);
      if (failing.tooLong()) {
        throw Failures.needsHelp(
            "The databases could not be compared since %s: %s"
                .formatted(failing.since(), e.getOriginalMessage()),
            "mend the cause, then retry",
            null);
      }
      say(pulse, Progress.of("the databases could not be compared: " + e.getOriginalMessage()));
      return null;
    }
  }

  /**
   * Rounds that fail one after the other.
   *
   * @param since when the first of them failed
   * @param last when the latest did
   * @param counted how much of the time between was spent on failing
   */
  record Failing(Instant since, Instant last, Duration counted) {
    Failing again(Instant now) {
      Duration between = Duration.between(last, now);
      return new Failing(
          since, now, counted.plus(between.compareTo(COUNTED) < 0 ? between : COUNTED));
    }

    /** Whether a person is to be asked. */
    boolean tooLong() {
      return counted.compareTo(PATIENCE) > 0;
    }
  }

  private VerificationReport compare(Pulse pulse) {
    Instant began = Instant.now();
    try {
      return new Comparison(
              databases, request.verify(), Breath.half(request.verify().move()), cuts, JOBS)
          .run(
              progress -> {
                say(pulse, progress.said("comparing in the background: " + progress.line()));
                pulse.check();
              })
          .asOf(began);
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot compare both databases", e);
    }
  }

  private static String resting(@Nullable VerificationReport before) {
    return before == null
        ? "both databases are compared in a while"
        : "compared from %s on: %d rows, %d differences"
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
