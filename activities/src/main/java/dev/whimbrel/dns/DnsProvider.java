package dev.whimbrel.dns;

import java.util.List;

/** Where a zone is kept and changed: one implementation for each kind of DNS service. */
public interface DnsProvider {

  /**
   * What a provider can do.
   *
   * @param weights whether it can answer with several sides by weight
   * @param compareAndSet how it makes sure that nothing is changed that somebody else has changed
   *     meanwhile, in words for the documentation and for plans
   */
  record Capabilities(boolean weights, String compareAndSet) {}

  /** What became of a change. */
  enum Change {
    /** It was made. */
    MADE,
    /** The zone no longer was as expected; nothing was changed. */
    CONFLICT,
    /** The answer did not come: it may have been made. Read the zone before going on. */
    UNKNOWN
  }

  /** What it can do. */
  Capabilities capabilities();

  /** The name as the server shows it that takes the changes. */
  NameState read(String name);

  /** Every server that answers for the zone with authority. */
  List<Nameserver> authoritative();

  /**
   * Changes a name's address records of both families, and its mark, in one atomic step, if they
   * still are as expected. A set that {@code wanted} lacks is removed.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} where the server refuses,
   *     {@code Transient} where it may accept later
   */
  Change change(NameState expected, NameState wanted);

  /** The commands with which a person makes the same change by hand. */
  String byHand(NameState wanted);
}
