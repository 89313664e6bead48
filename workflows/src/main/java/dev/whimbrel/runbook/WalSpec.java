package dev.whimbrel.runbook;

import org.jspecify.annotations.Nullable;

/**
 * How much of its log a server may keep for the migration's slots, and what is done then. A slot
 * keeps the log for as long as the copy runs or the stream stands still; a full disk under it takes
 * the server down.
 *
 * @param limit such as {@code 50GB}, for each side; by default half of what {@code storage} leaves
 *     beside the databases, and without {@code storage} as much as the databases hold, at least
 *     10GB
 * @param then what is done at the limit: {@code release} drops the slots of the side that takes the
 *     writes, {@code ask} parks and asks a person, {@code warn} says so and goes on. Default {@code
 *     release}, or {@code ask} where there is neither {@code limit} nor {@code storage}
 */
public record WalSpec(@Nullable String limit, @Nullable String then) {
  static final WalSpec DEFAULT = new WalSpec(null, null);
}
