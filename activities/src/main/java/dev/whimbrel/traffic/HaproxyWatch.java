package dev.whimbrel.traffic;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.attempt.Attempt;
import dev.whimbrel.traffic.HaproxyProcess.State;
import dev.whimbrel.traffic.TrafficProvider.Seen;
import io.temporal.failure.ApplicationFailure;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Watches the weights of one process: tells a restart's loss from somebody else's change. */
final class HaproxyWatch {
  /** Between reading the weights back and this watch's beginning, and two clocks. */
  private static final Duration SLACK = Duration.ofSeconds(5);

  private final HaproxyProcess process;
  private final List<String> servers;
  private @Nullable State last;

  HaproxyWatch(HaproxyProcess process, List<String> servers) {
    this.process = process;
    this.servers = servers;
  }

  /**
   * Looks once. One that cannot be asked is looked at again: it may be restarting.
   *
   * @throws ApplicationFailure {@code NeedsHelp} with both versions if somebody else changed them
   */
  Seen look(Function<State, Map<String, Integer>> weights, Attempt attempt) {
    State state;
    try {
      state = process.read(servers);
    } catch (ApplicationFailure e) {
      if (Failures.TRANSIENT.equals(e.getType())) {
        return new Seen(false, e.getOriginalMessage(), e.getOriginalMessage());
      }
      throw e;
    }
    Map<String, Integer> wanted = weights.apply(state);
    String expected = Weights.shown(wanted);
    String found = Weights.shown(state.now());
    if (state.now().equals(wanted)) {
      last = state;
      @Nullable String out = process.out(state, wanted).stream().findFirst().orElse(null);
      return new Seen(
          false, out == null ? "HAProxy at %s has %s".formatted(process.admin(), found) : out, out);
    }
    if (restarted(state, attempt) && state.now().equals(state.initial())) {
      return new Seen(
          true,
          "HAProxy at %s was restarted (pid %s) and lost its weights: expected %s, found %s"
              .formatted(process.admin(), state.pid(), expected, found));
    }
    throw Failures.needsHelp(
        "The weights of HAProxy at %s were changed by somebody else: expected %s, found %s"
            .formatted(process.admin(), expected, found),
        "stop whoever changes them, set the weights by hand, then retry",
        wanted.entrySet().stream()
            .map(each -> process.byHand(each.getKey(), each.getValue()))
            .collect(Collectors.joining("; ")));
  }

  /** An attempt that has just begun knows no process yet: there its age has to say it. */
  private boolean restarted(State state, Attempt attempt) {
    State known = last;
    if (known == null) {
      return state.started().plus(SLACK).isAfter(attempt.scheduled());
    }
    // In a container every process has the same pid.
    return !known.pid().equals(state.pid()) || state.started().isAfter(known.started().plus(SLACK));
  }
}
