package dev.whimbrel.dns;

import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import dev.whimbrel.attempt.Attempt;
import dev.whimbrel.dns.NameState.Split;
import io.temporal.failure.ApplicationFailure;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Asks again and again how a name is answered, and holds the share of the target's answers against
 * the one asked for. A server with authority chooses anew for each question. A resolver answers all
 * of its clients alike until its copy expires, so that it counts as one answer, and few resolvers
 * tell nothing.
 */
final class SplitMeasure {
  /** Enough to tell 5 % from 10 %, and few enough for a server far away. */
  static final int QUESTIONS = 400;

  /** A server far away answers these within a few seconds. */
  private static final int BETWEEN_BEATS = 10;

  /** Standard deviations of the sampling error; beyond so many, one server in 16,000 is wronged. */
  static final double DEVIATIONS = 4;

  /** Fewer resolvers are "not known". */
  static final int FEWEST_RESOLVERS = 30;

  private static final String CNAME = "CNAME";

  private final String name;
  private final Split split;
  private final Attempt attempt;
  private @Nullable String elsewhere;
  private long asked;
  private long fromTarget;

  SplitMeasure(String name, Split split, Attempt attempt) {
    this.attempt = attempt;
    this.name = name;
    this.split = split;
  }

  /** What is wrong with one server's answers; empty where they are within the sampling error. */
  Optional<String> missingAt(Nameserver server) {
    int target = 0;
    for (int i = 0; i < QUESTIONS; i++) {
      if (i % BETWEEN_BEATS == 0) {
        attempt.beat("%s: %d of %d answers".formatted(server.label(), i, QUESTIONS), asked);
      }
      List<String> answer = answer(server);
      if (leadsElsewhere(answer)) {
        elsewhere = answer.get(answer.size() - 1);
        return Optional.empty();
      }
      if (!isTarget(answer) && !isSource(answer)) {
        return Optional.of(
            "%s still answers %s for %s"
                .formatted(
                    server.label(), answer.isEmpty() ? "nothing" : String.join(" ", answer), name));
      }
      target += isTarget(answer) ? 1 : 0;
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
    if (asked == 0 && elsewhere != null) {
      return "%s leads to %s, which other servers answer for: not measured there; %s"
          .formatted(name, elsewhere, resolved(resolvers));
    }
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
        List<String> answer = answer(resolver);
        if (!answer.isEmpty()) {
          answered++;
          target += isTarget(answer) ? 1 : 0;
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

  /** The addresses, or every host name that an alias leads through. */
  private List<String> answer(Nameserver server) {
    return split.type().equals(CNAME)
        ? server.aliases(name)
        : server.set(name, split.type()).map(RecordSet::values).orElse(List.of());
  }

  /** An alias whose end lies with another service, as with Azure's Traffic Manager. */
  private boolean leadsElsewhere(List<String> answer) {
    return split.type().equals(CNAME)
        && !answer.isEmpty()
        && !isTarget(answer)
        && !isSource(answer);
  }

  private boolean isTarget(List<String> answer) {
    return isOf(split.target(), answer);
  }

  private boolean isSource(List<String> answer) {
    return split.source().aliased() ? !isTarget(answer) : isOf(split.source(), answer);
  }

  /** A service may answer with one of several addresses at a time. */
  private static boolean isOf(RecordSet side, List<String> answer) {
    return side.type().equals(CNAME)
        ? answer.containsAll(side.values())
        : !answer.isEmpty() && side.values().containsAll(answer);
  }
}
