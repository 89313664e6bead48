/**
 * The share of the traffic that the target's stack gets, set at a balancer or by a command of the
 * team's own. Names that carry weights live in {@code dns}.
 */
@NullMarked
package dev.whimbrel.traffic;

import org.jspecify.annotations.NullMarked;
