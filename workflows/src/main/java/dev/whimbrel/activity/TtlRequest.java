package dev.whimbrel.activity;

/**
 * A change of TTL.
 *
 * @param move the names
 * @param found the records as found at the start of the migration
 * @param ttl seconds; null never: to restore, ask for each found TTL with {@code restore}
 * @param restore whether each record set goes back to the TTL it was found with, or {@code
 *     ttl.restore} of the runbook where that is given; {@code ttl} is ignored then
 */
public record TtlRequest(DnsMove move, DnsSnapshot found, int ttl, boolean restore) {}
