package dev.whimbrel.runbook;

import java.time.Duration;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Checks that several parts of a runbook share. */
final class Problems {
  private static final Pattern REFERENCE =
      Pattern.compile("env:[A-Za-z_][A-Za-z0-9_]*|file:/.+|command:\\S.*");

  private Problems() {}

  static void positive(Places places, String path, @Nullable Duration duration) {
    if (duration != null && (duration.isZero() || duration.isNegative())) {
      places.report(path, "expected a duration above zero, found 0.");
    }
  }

  static void oneOf(Places places, String path, @Nullable String found, List<String> words) {
    if (found != null && !words.contains(found)) {
      String nearest = NearestWord.of(found, words);
      places.report(
          path,
          "expected "
              + String.join(" or ", words)
              + ", found '"
              + found
              + "'."
              + (nearest == null ? "" : " Did you mean '" + nearest + "'?"));
    }
  }

  /** Reports unless exactly one of the keys stands at the path, be it right or wrong. */
  static void exactlyOne(Places places, String path, List<String> keys) {
    List<String> found = keys.stream().filter(k -> places.has(path + "." + k)).toList();
    if (found.size() != 1) {
      places.report(
          path,
          "expected exactly one of "
              + String.join(", ", keys)
              + ", found "
              + (found.isEmpty() ? "none" : String.join(" and ", found))
              + ".");
    }
  }

  /** A secret must be a reference. What was found is never repeated. */
  static void reference(Places places, String path, @Nullable String found) {
    if (found != null && !REFERENCE.matcher(found).matches()) {
      places.report(
          path,
          "expected a reference, never the secret itself: env:NAME, file:/path or command:program"
              + " argument. What was found is not repeated here.");
    }
  }

  static void notEmpty(Places places, String path, @Nullable List<String> command) {
    if (command != null && (command.isEmpty() || command.get(0).isBlank())) {
      places.report(path, "expected a program and its arguments, found an empty list.");
    }
  }

  static void url(Places places, String path, @Nullable String url) {
    if (url != null) {
      reportWhenRefused(places, path, () -> PostgresUrl.parse(url));
    }
  }

  /** Runs a parser for its refusal. */
  static void reportWhenRefused(Places places, String path, Runnable parser) {
    try {
      parser.run();
    } catch (IllegalArgumentException e) {
      String message = String.valueOf(e.getMessage());
      places.report(path, message.endsWith(".") ? message : message + ".");
    }
  }
}
