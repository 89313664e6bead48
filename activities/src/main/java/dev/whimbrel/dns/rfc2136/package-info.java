/**
 * Names on servers that take dynamic updates (RFC 2136) signed with TSIG (RFC 8945): BIND, Knot,
 * PowerDNS. What to change and what counts as a conflict is decided one package above.
 */
@NullMarked
package dev.whimbrel.dns.rfc2136;

import org.jspecify.annotations.NullMarked;
