package dev.whimbrel.dns.azure;

import java.math.BigInteger;

/**
 * What each endpoint weighs, so that a share of the traffic goes to the target's together. Traffic
 * Manager knows weights of 1 to 1000.
 *
 * @param source of each endpoint of the source's
 * @param target of each endpoint of the target's
 */
record Weights(long source, long target) {
  private static final int ALL = 100;
  private static final long HEAVIEST = 1000;

  /**
   * Weights for a share.
   *
   * @param share the target's percent, 1 to 99
   * @param sources how many endpoints the source has
   * @param targets how many the target has
   */
  static Weights of(int share, int sources, int targets) {
    long source = (long) (ALL - share) * targets;
    long target = (long) share * sources;
    long divisor = BigInteger.valueOf(source).gcd(BigInteger.valueOf(target)).longValue();
    source /= divisor;
    target /= divisor;
    long heavier = Math.max(source, target);
    return heavier <= HEAVIEST
        ? new Weights(source, target)
        : new Weights(
            Math.max(1, source * HEAVIEST / heavier), Math.max(1, target * HEAVIEST / heavier));
  }

  /** The share that weights give: the target's sum of all, in percent, rounded. */
  static int share(long source, long target) {
    long sum = source + target;
    return sum == 0 ? 0 : Math.toIntExact(Math.round((double) ALL * target / sum));
  }
}
