package dev.whimbrel.dns;

import dev.whimbrel.activity.Failures;
import java.util.List;

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
      NameState now = server.addresses(name);
      for (int look = 1; look < LOOKS && !now.sets().equals(primary.sets()); look++) {
        Waiting.rest(Waiting.INTERVAL);
        now = server.addresses(name);
      }
      if (!now.sets().equals(primary.sets())) {
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
}
