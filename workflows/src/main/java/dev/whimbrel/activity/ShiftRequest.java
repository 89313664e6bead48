package dev.whimbrel.activity;

/**
 * A change of addresses.
 *
 * @param move the names
 * @param found the records as found at the start of the migration
 * @param to the side that the names shall point to
 */
public record ShiftRequest(DnsMove move, DnsSnapshot found, Side to) {}
