package dev.whimbrel.dns;

import dev.whimbrel.activity.Finding;
import java.util.List;

/** Where a zone is kept and changed: one implementation for each kind of DNS service. */
public interface DnsProvider {

  /**
   * What a provider can do.
   *
   * @param weights whether it can answer with both sides by weight
   * @param sharedTtl whether all records of a name and type share one TTL while they are weighted
   * @param atomic whether all types of a name change in one step; otherwise one after the other, in
   *     an order in which the name always resolves
   * @param compareAndSet how it makes sure that nothing is changed that somebody else has changed
   *     meanwhile, in words for the documentation and for plans
   */
  record Capabilities(boolean weights, boolean sharedTtl, boolean atomic, String compareAndSet) {}

  /** What became of a change. */
  enum Change {
    /** It was made. */
    MADE,
    /** The zone no longer was as expected; nothing, or nothing more, was changed. */
    CONFLICT,
    /** The answer did not come: it may have been made. Read the zone before going on. */
    UNKNOWN
  }

  /** What it can do. */
  Capabilities capabilities();

  /** The name as the service shows it that takes the changes. */
  NameState read(String name);

  /** Every server that answers for the zone with authority. */
  List<Nameserver> authoritative();

  /**
   * Changes where a name points to, and its mark, if they still are as expected. A type that {@code
   * wanted} lacks is removed. Returns when the service has taken the change in, which the servers
   * may show later.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} where the service refuses,
   *     {@code Transient} where it may accept later
   */
  Change change(NameState expected, NameState wanted);

  /**
   * What the service's own probes and health checks say of the sides of names that carry weights.
   * One that nobody attached is not there; what may not be asked, or cannot be answered now, is
   * {@link Health.State#NOT_KNOWN}.
   *
   * @param names as they were read
   */
  List<Health> health(List<NameState> names);

  /**
   * What costs money here by the month, whatever becomes of the migration.
   *
   * @param names the names
   */
  List<String> costs(List<String> names);

  /** The commands with which a person makes the same change by hand. */
  String byHand(NameState from, NameState wanted);

  /**
   * What this provider, or the zone as it stands, cannot do of what is asked, and what a person
   * should know of it. Changes nothing.
   *
   * @param names the names
   * @param weighted whether they shall carry weights
   */
  List<Finding> findings(List<String> names, boolean weighted);
}
