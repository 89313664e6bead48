package dev.whimbrel.activity;

import io.temporal.activity.ActivityInterface;

/** The service's names. Every change is a compare-and-set; what somebody else changed is parked. */
@ActivityInterface
public interface Dns {

  /** Reads the address records of every name with their TTLs from every authoritative server. */
  DnsSnapshot findRecords(DnsMove move);

  /** Sets the TTL of every name's address records and changes nothing else. Again is harmless. */
  Outcome setTtl(TtlRequest request);

  /** Waits until every authoritative server answers with the TTL. */
  Outcome awaitTtl(TtlRequest request);

  /** Points every name to one side's addresses, at the TTL in force. Again is harmless. */
  Outcome shift(ShiftRequest request);

  /**
   * Waits until every authoritative server and listed resolver answers with that side's addresses.
   */
  Outcome awaitPropagation(ShiftRequest request);
}
