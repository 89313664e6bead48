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

  /** Says what stands in the way, and the changes by hand; changes nothing. */
  ChangePlan planNames(NamesRequest request);

  /**
   * Points every name to one side, or to both by weight, at the TTL in force. Again is harmless.
   */
  Outcome shift(ShiftRequest request);

  /**
   * Waits until every authoritative server and listed resolver answers as asked for; measures the
   * split where both sides serve.
   */
  Outcome awaitPropagation(ShiftRequest request);

  /**
   * Lists what of the names goes on costing money: zones, health checks, profiles. An empty line
   * where nothing does.
   */
  Outcome listZones(DnsMove move);

  /** Watches the names until it is cancelled. What somebody else changed needs help. */
  void holdNames(ShiftRequest request);
}
