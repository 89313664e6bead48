package dev.whimbrel.runbook;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What a key that is absent from the file means. */
final class Defaults {
  private Defaults() {}

  static <T> T or(@Nullable T given, T otherwise) {
    return given == null ? otherwise : given;
  }

  static <K, V> Map<K, V> map(@Nullable Map<K, V> given) {
    return given == null ? Map.of() : Map.copyOf(given);
  }

  static <T> List<T> list(@Nullable List<T> given) {
    return given == null ? List.of() : List.copyOf(given);
  }
}
