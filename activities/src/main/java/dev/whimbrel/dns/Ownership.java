package dev.whimbrel.dns;

import io.temporal.failure.ApplicationFailure;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Finds out which controller claims a name, by the TXT records that controllers leave. */
final class Ownership {
  /** external-dns writes its claim beside the name: at it in old releases, prefixed in new ones. */
  private static final List<String> PREFIXES = List.of("", "a-", "aaaa-", "cname-");

  private static final Pattern HERITAGE = Pattern.compile("\"?heritage=([^,\"]+)(.*?)\"?");

  private Ownership() {}

  /**
   * {@code external-dns (owner=prod, resource=ingress/shop/shop)}, or empty if nobody claims it.
   */
  static Optional<String> claimed(Nameserver server, String name) {
    return PREFIXES.stream()
        .flatMap(prefix -> texts(server, prefix + name).stream())
        .map(Ownership::claim)
        .flatMap(Optional::stream)
        .findFirst();
  }

  private static List<String> texts(Nameserver server, String name) {
    try {
      return server.texts(name);
    } catch (ApplicationFailure e) {
      // A claim is an explanation, not a condition: without it the conflict is reported all the
      // same. Beside a zone's apex the prefixed names lie outside the zone, and are refused.
      return List.of();
    }
  }

  private static Optional<String> claim(String text) {
    Matcher matcher = HERITAGE.matcher(text);
    if (!matcher.matches()) {
      return Optional.empty();
    }
    String controller = matcher.group(1);
    String rest = matcher.group(2).replace(controller + "/", "").replaceFirst("^,", "");
    return Optional.of(
        rest.isEmpty() ? controller : controller + " (" + rest.replace(",", ", ") + ")");
  }
}
