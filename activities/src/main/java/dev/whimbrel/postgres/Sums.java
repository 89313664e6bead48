package dev.whimbrel.postgres;

import java.math.BigInteger;

/**
 * An order-independent hash of many rows: sums, since XOR would hide rows that come in pairs.
 *
 * @param count rows
 * @param first sum of the first 64 bits of each row's hash
 * @param second sum of the next 64 bits
 */
record Sums(long count, BigInteger first, BigInteger second) {
  static final Sums NONE = new Sums(0, BigInteger.ZERO, BigInteger.ZERO);

  Sums plus(Sums other) {
    return new Sums(count + other.count, first.add(other.first), second.add(other.second));
  }
}
