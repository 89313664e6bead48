package dev.whimbrel.traffic;

import dev.whimbrel.activity.ChangePlan;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.ShareRequest;
import dev.whimbrel.activity.Traffic;
import dev.whimbrel.attempt.Attempt;
import dev.whimbrel.attempt.Trouble;
import dev.whimbrel.runbook.TrafficSpec;
import dev.whimbrel.traffic.TrafficProvider.Seen;
import dev.whimbrel.traffic.TrafficProvider.Watch;
import io.temporal.failure.ApplicationFailure;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The service's traffic, at whichever balancer the runbook names. */
public final class RegistryTraffic implements Traffic {
  /** The usual time between two looks: a restart's lost weights come back within seconds. */
  private static final Duration BETWEEN = Duration.ofSeconds(2);

  /** Longer than a server takes that is just coming up behind the balancer. */
  private static final Duration IN_FORCE = Duration.ofMinutes(2);

  private static final int ALL = 100;

  private final Duration between;
  private final Duration longestTrouble;

  /** Traffic that is looked at as often as usual. */
  public RegistryTraffic() {
    this(null);
  }

  /**
   * Traffic that is looked at more often than usual.
   *
   * @param atMost the longest time between two looks; null for the usual one
   */
  public RegistryTraffic(@Nullable Duration atMost) {
    this(atMost, Trouble.BREAK);
  }

  RegistryTraffic(@Nullable Duration atMost, Duration longestTrouble) {
    this.longestTrouble = longestTrouble;
    this.between = atMost == null || BETWEEN.compareTo(atMost) < 0 ? BETWEEN : atMost;
  }

  @Override
  public ChangePlan planShare(ShareRequest request) {
    return provider(request).plan(request.share());
  }

  @Override
  public Outcome shiftShare(ShareRequest request) {
    return new Outcome(provider(request).set(request.share(), new Attempt()));
  }

  @Override
  public Outcome awaitShare(ShareRequest request) {
    TrafficProvider provider = provider(request);
    Attempt attempt = new Attempt();
    for (long looks = 1; ; looks++) {
      Optional<String> missing = missing(provider, request.share());
      if (missing.isEmpty()) {
        return new Outcome(named(request) + " in force");
      }
      attempt.beat(missing.get(), looks);
      if (attempt.sinceFirstAttempt().compareTo(IN_FORCE) > 0) {
        throw Failures.needsHelp(
            "After %d s: %s".formatted(IN_FORCE.toSeconds(), missing.get()),
            "mend what is named, then retry",
            null);
      }
      attempt.restBeating(between, looks);
    }
  }

  /** One that does not answer is missing too: in the end a person is asked about it. */
  private static Optional<String> missing(TrafficProvider provider, int share) {
    try {
      return provider.missing(share);
    } catch (ApplicationFailure e) {
      if (Failures.TRANSIENT.equals(e.getType())) {
        return Optional.of(e.getOriginalMessage());
      }
      throw e;
    }
  }

  @Override
  public Outcome holdShare(ShareRequest request) {
    Watch watch = provider(request).watch(request.share());
    Attempt attempt = new Attempt();
    Trouble trouble = new Trouble(longestTrouble);
    boolean both = request.share() > 0 && request.share() < ALL;
    for (long looks = 1; ; looks++) {
      Seen seen = watch.look(attempt);
      if (seen.lost()) {
        return new Outcome(seen.line());
      }
      if (trouble.lasts(both && seen.trouble() != null)) {
        throw Failures.needsHelp(
            "For more than %d s clients do not get %s: %s"
                .formatted(trouble.longest().toSeconds(), named(request), seen.trouble()),
            "mend what is named, or roll back; then retry: the bake begins anew",
            null);
      }
      attempt.beat(named(request) + ": " + seen.line(), looks);
      attempt.restBeating(between, looks);
    }
  }

  @Override
  public Outcome forgetWayBack(ShareRequest request) {
    return new Outcome(
        provider(request)
            .forget(new Attempt())
            .orElse("nothing was kept for the traffic's way back"));
  }

  private static String named(ShareRequest request) {
    return request.share() == 0
        ? "the share as it was before the migration"
        : "the target's share of %d %%".formatted(request.share());
  }

  private static TrafficProvider provider(ShareRequest request) {
    TrafficSpec spec = request.traffic();
    // A HAProxy beside weights by names is the old entry point, which forwards in the end.
    if (spec.haproxy() != null && !spec.by().equals("command")) {
      return new HaproxyTraffic(request.migration(), spec.haproxy());
    }
    if (spec.command() != null) {
      return new CommandTraffic(spec.command());
    }
    if (spec.haproxy() != null) {
      return new HaproxyTraffic(request.migration(), spec.haproxy());
    }
    throw Failures.needsHelp(
        "traffic names nothing that could be led: expected haproxy or command",
        "write traffic.haproxy or traffic.command into the runbook",
        null);
  }
}
