package dev.whimbrel.runbook;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a key that is absent from the file means. */
final class Defaults {
  private Defaults() {}

  static <T> T or(@Nullable T given, T otherwise) {
    return given == null ? otherwise : given;
  }

  static <T> List<T> list(@Nullable List<T> given) {
    return given == null ? List.of() : List.copyOf(given);
  }
}
