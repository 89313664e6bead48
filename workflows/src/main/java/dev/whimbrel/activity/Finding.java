package dev.whimbrel.activity;

import org.jspecify.annotations.Nullable;

/**
 * Something that a check has to say.
 *
 * @param level how grave it is
 * @param check stable name of the check, such as {@code replica-identity}
 * @param subject the object it speaks of, such as {@code public.orders}
 * @param message what was expected and what was found
 * @param fix exact SQL, GRANT or setting that mends it, or null where nothing needs to be done
 */
public record Finding(
    Level level, String check, String subject, String message, @Nullable String fix) {

  /** How grave a finding is. */
  public enum Level {
    /** The migration cannot go on. */
    BLOCKER,
    /** It can go on; a person should know. */
    WARNING,
    /** A fact. */
    NOTE
  }

  /** {@code subject: message Fix: …} as it is printed. */
  public String line() {
    return subject + ": " + message + (fix == null ? "" : " Fix: " + fix);
  }
}
