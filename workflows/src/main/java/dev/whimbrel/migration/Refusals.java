package dev.whimbrel.migration;

import io.temporal.failure.ApplicationFailure;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Why an update is refused: what is missing, what is allowed now, and who may do it. */
final class Refusals {
  private Refusals() {}

  static ApplicationFailure because(String message) {
    return ApplicationFailure.newNonRetryableFailure(message, "Refused");
  }

  /** Refuses who does not name themselves. */
  static void unlessNamed(String verb, @Nullable String by) {
    if (by == null || by.isBlank()) {
      throw because("Cannot " + verb + ": nobody is named. Say who decides with --by NAME.");
    }
  }

  /** Refuses who is not on the list; an empty list admits everybody who names themselves. */
  static void unlessAdmitted(String verb, @Nullable String by, List<String> admitted, String key) {
    unlessNamed(verb, by);
    if (!isAdmitted(by, admitted)) {
      throw because(
          "Cannot %s: %s may not. The runbook's %s names %s. Say who decides with --by NAME."
              .formatted(verb, by, key, String.join(", ", admitted)));
    }
  }

  /** Whether somebody is on the list; an empty list admits everybody. */
  static boolean isAdmitted(@Nullable String by, List<String> admitted) {
    return admitted.isEmpty() || admitted.contains(by);
  }

  /** Refuses who gives no reason. */
  static void unlessReasoned(String verb, @Nullable String reason) {
    if (reason == null || reason.isBlank()) {
      throw because("Cannot " + verb + ": no reason is given. Say why with --reason TEXT.");
    }
  }
}
