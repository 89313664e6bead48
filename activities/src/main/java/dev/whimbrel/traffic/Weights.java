package dev.whimbrel.traffic;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * The weights of a backend's servers that give the target's side a share: the sums of both sides
 * are always in the right proportion. Within a side they keep the proportions found, since a small
 * machine must not get a big one's load; where nobody had a weight, they are the same.
 */
final class Weights {
  /** HAProxy's highest weight. */
  static final int HIGHEST = 256;

  private static final int WHOLE = 100;

  private Weights() {}

  /**
   * Weights for a share from 1 to 100. With one server a side they are the percents themselves.
   *
   * @param found every server's weight before the migration
   */
  static Map<String, Integer> of(
      int share, List<String> source, List<String> target, Map<String, Integer> found) {
    int divisor = greatestCommonDivisor(share, WHOLE - share);
    Map<String, Integer> even = Map.of();
    Map<String, Integer> uneven = Map.of();
    // Both sums are multiples of these; the more, the finer.
    for (int factor = 1; factor <= HIGHEST * Math.max(source.size(), target.size()); factor++) {
      int targetSum = share / divisor * factor;
      int sourceSum = (WHOLE - share) / divisor * factor;
      Map<String, Integer> weights = new LinkedHashMap<>();
      boolean exact = spread(sourceSum, source, found, weights);
      exact &= spread(targetSum, target, found, weights);
      if (weights.values().stream().anyMatch(weight -> weight > HIGHEST)) {
        break;
      }
      if (exact && factor % divisor == 0) {
        return weights;
      }
      even = exact ? weights : even;
      uneven = weights;
    }
    return even.isEmpty() ? uneven : even;
  }

  /** {@code blue 75, green 25}. */
  static String shown(Map<String, Integer> weights) {
    return weights.entrySet().stream()
        .map(each -> each.getKey() + " " + each.getValue())
        .collect(Collectors.joining(", "));
  }

  /** The share of some servers, in percent of all weights. */
  static double share(List<String> servers, Map<String, Integer> weights) {
    double all = weights.values().stream().mapToInt(Integer::intValue).sum();
    double theirs = servers.stream().mapToInt(each -> weights.getOrDefault(each, 0)).sum();
    return all == 0 ? 0 : WHOLE * theirs / all;
  }

  /** Returns whether every server got exactly its part of the sum. */
  private static boolean spread(
      int sum, List<String> servers, Map<String, Integer> found, Map<String, Integer> into) {
    long all = servers.stream().mapToLong(each -> found.getOrDefault(each, 0)).sum();
    long parts = all == 0 ? servers.size() : all;
    long before = 0;
    boolean exact = true;
    for (String server : servers) {
      long part = all == 0 ? 1 : found.getOrDefault(server, 0);
      exact &= sum * part % parts == 0;
      // What rounding takes from one server the next one gets.
      into.put(server, (int) ((before + part) * sum / parts - before * sum / parts));
      before += part;
    }
    return exact;
  }

  private static int greatestCommonDivisor(int one, int other) {
    return other == 0 ? one : greatestCommonDivisor(other, one % other);
  }
}
