package dev.whimbrel.postgres;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The SQL of some entries.
 *
 * @param creates what creates each, in the order in which they must be created
 * @param drops what drops all of them, in the order in which they must be dropped
 */
record SchemaScript(Map<SchemaEntry, String> creates, String drops) {
  /** What {@code pg_restore} sets for everything behind it, before the entry that needs it. */
  private static final Pattern STATE =
      Pattern.compile("^SET (default_\\w+) = .*;$", Pattern.MULTILINE);

  /** Whether a line of a script is empty, a comment, or a setting for what stands behind it. */
  static boolean isBesideStatements(String line) {
    return line.isBlank() || line.startsWith("--") || STATE.matcher(line).matches();
  }

  /** The same, with the SQL of some entries changed. */
  SchemaScript changed(Predicate<SchemaEntry> which, UnaryOperator<String> change) {
    Map<SchemaEntry, String> changed = new LinkedHashMap<>();
    creates.forEach(
        (entry, sql) -> changed.put(entry, which.test(entry) ? change.apply(sql) : sql));
    return new SchemaScript(changed, drops);
  }

  /** What creates each entry by itself: with the settings that entries before it have left. */
  Map<SchemaEntry, String> standingAlone() {
    Map<String, String> settings = new LinkedHashMap<>();
    Map<SchemaEntry, String> alone = new LinkedHashMap<>();
    creates.forEach(
        (entry, sql) -> {
          alone.put(entry, String.join("\n", settings.values()) + "\n" + sql);
          Matcher setting = STATE.matcher(sql);
          while (setting.find()) {
            settings.put(setting.group(1), setting.group());
          }
        });
    return alone;
  }
}
