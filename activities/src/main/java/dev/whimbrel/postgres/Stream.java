package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;

/**
 * One direction of replication.
 *
 * @param from the side that publishes
 * @param publication on {@code from}
 * @param subscription on the other side
 * @param slot on {@code from}
 */
record Stream(Side from, String publication, String subscription, String slot) {

  /** The stream of a migration that leaves a side. */
  static Stream leaving(Side from, Names names) {
    return from == Side.SOURCE
        ? new Stream(
            from,
            names.forwardPublication(),
            names.forwardSubscription(),
            names.forwardSubscription())
        : new Stream(
            from, names.reversePublication(), names.reverseSubscription(), names.liveSlot());
  }
}
