package dev.whimbrel.dns.rfc2136;

import dev.whimbrel.activity.Failures;
import org.xbill.DNS.Name;
import org.xbill.DNS.TextParseException;

/** Reads DNS names. */
final class Names {
  private Names() {}

  /**
   * The absolute name, with or without a last dot in the text.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} if it is none
   */
  static Name absolute(String text) {
    try {
      return Name.fromString(text, Name.root);
    } catch (TextParseException e) {
      throw Failures.needsHelp(
          "'%s' is not a DNS name".formatted(text), "correct it in the runbook under dns", null);
    }
  }
}
