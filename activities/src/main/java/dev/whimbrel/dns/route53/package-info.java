/**
 * Hosted zones at Amazon Route 53: simple record sets, weights of Whimbrel's own, and Whimbrel's
 * mark, changed together in one batch. Other routing policies are recognised and left alone;
 * waiting until servers show a change lives one package up.
 */
@NullMarked
package dev.whimbrel.dns.route53;

import org.jspecify.annotations.NullMarked;
