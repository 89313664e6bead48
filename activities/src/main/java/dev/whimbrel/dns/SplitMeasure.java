package dev.whimbrel.dns;

import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import dev.whimbrel.dns.NameState.Split;
import io.temporal.failure.ApplicationFailure;
import java.util.List;
import java.util.Optional;

/**
 * Asks again and again how a name is answered, and holds the share of the target's answers against
 * the one asked for. A server with authority chooses anew for each question. A resolver answers all
 * of its clients alike until its copy expires, so that it counts as one answer, and few resolvers
 * tell nothing.
 */
final class SplitMeasure {
  /** Enough to tell 5 % from 10 %, and few enough for a server far away. */
  static final int QUESTIONS = 400;

  /** Standard deviations of the sampling error; beyond so many, one server in 16,000 is wronged. */
  static final double DEVIATIONS = 4;

  /** Fewer resolvers are "not known". */
  static final int FEWEST_RESOLVERS = 30;

  private final String name;
  private final Split split;
  private long asked;
  private long fromTarget;

  SplitMeasure(String name, Split split) {
    this.name = name;
    this.split = split;
  }

  /** What is wrong with one server's answers; empty where they are within the sampling error. */
  Optional<String> missingAt(Nameserver server) {
    int target = 0;
    for (int i = 0; i < QUESTIONS; i++) {
      Optional<RecordSet> answer = server.set(name, split.type());
      if (answer.isEmpty() || !(isTarget(answer.get()) || isSource(answer.get()))) {
        return Optional.of(
            "%s still answers %s for %s"
                .formatted(
                    server.label(),
                    answer.map(set -> String.join(" ", set.values())).orElse("nothing"),
                    name));
      }
      target += isTarget(answer.get()) ? 1 : 0;
    }
    if (!within(target, QUESTIONS, split.share())) {
      return Optional.of(
          "%s answers %s with the target's %s in %d of %d answers, asked for %d %%"
              .formatted(server.label(), name, split.type(), target, QUESTIONS, split.share()));
    }
    asked += QUESTIONS;
    fromTarget += target;
    return Optional.empty();
  }

  /** Whether so many of so many can come from that share by chance. */
  static boolean within(long hits, long samples, int percent) {
    double share = percent / 100.0;
    double expected = samples * share;
    return Math.abs(hits - expected) <= DEVIATIONS * Math.sqrt(samples * share * (1 - share));
  }

  /** {@code shop.example.com A: 5.2 % of 1,600 answers of 4 servers are the target's …}. */
  String line(int servers, List<Nameserver> resolvers) {
    return "%s %s: %.1f %% of %,d answers of %s are the target's, asked for %d %%; %s"
        .formatted(
            name,
            split.type(),
            100.0 * fromTarget / Math.max(1, asked),
            asked,
            RegistryDns.count(servers, "server"),
            split.share(),
            resolved(resolvers));
  }

  private String resolved(List<Nameserver> resolvers) {
    int target = 0;
    int answered = 0;
    for (Nameserver resolver : resolvers) {
      try {
        Optional<RecordSet> answer = resolver.set(name, split.type());
        if (answer.isPresent()) {
          answered++;
          target += isTarget(answer.get()) ? 1 : 0;
        }
      } catch (ApplicationFailure e) {
        // A resolver that does not answer tells nothing: it is not counted.
      }
    }
    String figures = "%d of %s".formatted(target, RegistryDns.count(answered, "resolver"));
    if (answered < FEWEST_RESOLVERS) {
      return figures + ", too few to know";
    }
    return figures
        + (within(target, answered, split.share()) ? "" : ", more than chance from what was asked");
  }

  private boolean isTarget(RecordSet answer) {
    return answer.plain().values().equals(split.target().plain().values());
  }

  private boolean isSource(RecordSet answer) {
    return split.source().aliased()
        ? !isTarget(answer)
        : answer.plain().values().equals(split.source().plain().values());
  }
}
