package dev.whimbrel.dns.route53;

import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Side;
import dev.whimbrel.dns.Health;
import dev.whimbrel.dns.Health.State;
import dev.whimbrel.dns.NameState;
import dev.whimbrel.dns.NameState.Split;
import io.temporal.failure.ApplicationFailure;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
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
    Map<String, Health> asked = new LinkedHashMap<>();
    List<Split> splits = names.stream().flatMap(now -> now.splits().stream()).toList();
    for (Side side : Side.values()) {
      for (Split split : splits) {
        @Nullable String check = check(split, side);
        if (check != null && !asked.containsKey(check)) {
          asked.put(check, ask(check, side));
        }
      }
    }
    Set<String> beside = besideAnother(splits, asked);
    return asked.entrySet().stream()
        .map(each -> beside.contains(each.getKey()) ? each.getValue() : alone(each.getValue()))
        .toList();
  }

  /** Checks of sides beside which another one is served; one without a check always is. */
  private Set<String> besideAnother(List<Split> splits, Map<String, Health> asked) {
    Set<String> beside = new HashSet<>();
    for (Split split : splits) {
      @Nullable String source = check(split, Side.SOURCE);
      @Nullable String target = check(split, Side.TARGET);
      if (source != null && !isOut(target, asked)) {
        beside.add(source);
      }
      if (target != null && !isOut(source, asked)) {
        beside.add(target);
      }
    }
    return beside;
  }

  private static boolean isOut(@Nullable String check, Map<String, Health> asked) {
    @Nullable Health health = check == null ? null : asked.get(check);
    return health != null && health.state() == State.OUT;
  }

  /** Where no record of a group is good, Route 53 answers as if all were. */
  private static Health alone(Health health) {
    return health.state() == State.OUT ? new Health(State.ALL_OUT, health.line()) : health;
  }

  private @Nullable String check(Split split, Side side) {
    RecordSet set = side == Side.SOURCE ? split.source() : split.target();
    @Nullable String own = set.extras().get(RecordSets.HEALTH_CHECK);
    return own == null ? weights.check(side) : own;
  }

  private static State state(Checked health) {
    if (!health.isKnown()) {
      return State.NOT_KNOWN;
    }
    return health.isGood() ? State.SERVED : State.OUT;
  }

  /** A right that is missing, or a service that is busy, takes nothing from the move. */
  private Health ask(String check, Side side) {
    try {
      Checked health = zone.checked(check);
      return new Health(state(health), health.line(side) + " (" + check + ")");
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
