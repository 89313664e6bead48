package dev.whimbrel.dns;

import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import dev.whimbrel.activity.Failures;
import java.util.List;
import java.util.Optional;

/** Makes sure that every authoritative server tells the same about a name. */
final class Agreement {
  /** A change that was just made needs a moment to reach all of them. */
  private static final int LOOKS = 3;

  private final List<Nameserver> servers;

  Agreement(List<Nameserver> servers) {
    this.servers = servers;
  }

  /**
   * The name as all show it.
   *
   * @param primary the name at the server that takes the changes
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} with both versions if one
   *     differs
   */
  NameState on(String name, NameState primary) {
    for (Nameserver server : servers) {
      NameState now = server.look(name);
      for (int look = 1; look < LOOKS && !shows(now, primary); look++) {
        Waiting.rest(Waiting.INTERVAL);
        now = server.look(name);
      }
      if (!shows(now, primary)) {
        throw Failures.needsHelp(
            "The zone's servers disagree about %s: the primary answers %s, %s answers %s"
                .formatted(name, primary.line(), server.label(), now.line()),
            "see why this server does not follow the zone's primary, then retry",
            "dig @%s -p %d +norecurse %s A"
                .formatted(server.address().getHostString(), server.address().getPort(), name));
      }
    }
    return primary;
  }

  /** Aliases are answered with what they stand for, which may differ from server to server. */
  private static boolean shows(NameState server, NameState primary) {
    return Destination.TYPES.stream()
        .allMatch(
            type -> {
              Optional<RecordSet> kept = primary.set(type);
              return kept.filter(RecordSet::aliased).isPresent()
                  || kept.map(RecordSet::plain).equals(server.set(type).map(RecordSet::plain));
            });
  }
}
