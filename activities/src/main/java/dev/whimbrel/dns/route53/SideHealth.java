package dev.whimbrel.dns.route53;

import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Side;
import dev.whimbrel.dns.Health;
import dev.whimbrel.dns.Health.State;
import dev.whimbrel.dns.NameState;
import dev.whimbrel.dns.NameState.Split;
import io.temporal.failure.ApplicationFailure;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What the health checks of weighted sets say: those that the runbook attaches, and a record's own.
 * Each is asked once, however many sets carry it.
 */
final class SideHealth {
  private final HostedZone zone;
  private final Weights weights;

  SideHealth(HostedZone zone, Weights weights) {
    this.zone = zone;
    this.weights = weights;
  }

  List<Health> of(List<NameState> names) {
    Map<String, Side> checks = new LinkedHashMap<>();
    for (Side side : Side.values()) {
      for (NameState now : names) {
        for (Split split : now.splits()) {
          @Nullable String check = check(split, side);
          if (check != null) {
            checks.putIfAbsent(check, side);
          }
        }
      }
    }
    return checks.entrySet().stream().map(each -> ask(each.getKey(), each.getValue())).toList();
  }

  private @Nullable String check(Split split, Side side) {
    RecordSet set = side == Side.SOURCE ? split.source() : split.target();
    @Nullable String own = set.extras().get(RecordSets.HEALTH_CHECK);
    return own == null ? weights.check(side) : own;
  }

  /** A right that is missing, or a service that is busy, takes nothing from the move. */
  private Health ask(String check, Side side) {
    try {
      HostedZone.Health health = zone.health(check);
      return new Health(
          health.isGood() ? State.SERVED : State.OUT, health.line(side) + " (" + check + ")");
    } catch (ApplicationFailure e) {
      if (!Failures.NEEDS_HELP.equals(e.getType()) && !Failures.TRANSIENT.equals(e.getType())) {
        throw e;
      }
      return new Health(
          State.NOT_KNOWN,
          "the state of the %s's health check %s is not known: %s"
              .formatted(side.word(), check, e.getOriginalMessage()));
    }
  }
}
