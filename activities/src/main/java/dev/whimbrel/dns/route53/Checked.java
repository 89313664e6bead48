package dev.whimbrel.dns.route53;

import dev.whimbrel.activity.Side;
import java.util.Set;

/**
 * How Route 53 judges a health check: by what its checkers say, turned round where it is inverted.
 * A check that is disabled, or that nobody has looked at yet, it takes for good, and turns that
 * round too. What a check says that follows other checks, an alarm or a switch, it does not tell.
 *
 * @param type Route 53's word for what it follows, such as {@code HTTPS} or {@code CALCULATED}
 * @param inverted whether good counts as bad, and bad as good
 * @param disabled whether nobody looks any more
 * @param checkers how many have said something
 * @param content how many of them are content
 * @param example what one says that is not; empty where all are
 */
record Checked(
    String type, boolean inverted, boolean disabled, int checkers, int content, String example) {
  /** Those that checkers look for; of any other one, no observation comes. */
  private static final Set<String> BY_CHECKERS =
      Set.of("HTTP", "HTTPS", "HTTP_STR_MATCH", "HTTPS_STR_MATCH", "TCP");

  /** Below this share of content checkers, Route 53 takes an endpoint for dead. */
  private static final double CONTENT_ENOUGH = 0.18;

  /** Whether Route 53 answers with records that carry the check. */
  boolean isGood() {
    return isContent() != inverted;
  }

  /** Whether that rests on something: on what checkers say, or on how the check is set. */
  boolean isKnown() {
    return disabled || checkers > 0 || (inverted && BY_CHECKERS.contains(type));
  }

  /** Whether Route 53 knows what it says, and tells nobody who asks as Whimbrel does. */
  boolean isUntold() {
    return !disabled && checkers == 0 && !BY_CHECKERS.contains(type);
  }

  private boolean isContent() {
    return disabled || checkers == 0 || content > CONTENT_ENOUGH * checkers;
  }

  /** {@code 3 of 3 checkers are content with the target}. */
  String line(Side side) {
    String judged = isGood() ? "good" : "bad";
    if (disabled) {
      return "the %s's health check is disabled%s, which Route 53 takes for %s"
          .formatted(side.word(), inverted ? " and inverted" : "", judged);
    }
    if (isUntold()) {
      return "what the %s's health check says is not known, as Route 53 does not tell it of type %s"
          .formatted(side.word(), type);
    }
    String because = inverted ? ", as the check is inverted" : "";
    if (checkers == 0) {
      return "no checker has looked at the %s yet, which Route 53 takes for %s%s"
          .formatted(side.word(), judged, because);
    }
    String said =
        "%d of %d checkers are content with the %s".formatted(content, checkers, side.word());
    return inverted ? "%s, which counts as %s%s".formatted(said, judged, because) : said;
  }
}
