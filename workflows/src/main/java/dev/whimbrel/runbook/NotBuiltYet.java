package dev.whimbrel.runbook;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Keys that the design knows and this release does not build. */
final class NotBuiltYet {
  private static final Map<Class<?>, Map<String, String>> KEYS =
      Map.of(
          DnsSpec.class,
          Map.of(
              "route53", "use rfc2136, or leave dns out and move the name by hand",
              "azure", "use rfc2136, or leave dns out and move the name by hand"),
          Validate.class,
          Map.of("canary", "leave it out: traffic moves at the cutover, all at once"),
          DecommissionSpec.class,
          Map.of("retire", "leave it out and retire the old machines by hand"));

  private NotBuiltYet() {}

  /** What to do instead, or null when the key is not one of them. */
  static @Nullable String instead(Class<?> type, String key) {
    return KEYS.getOrDefault(type, Map.of()).get(key);
  }
}
