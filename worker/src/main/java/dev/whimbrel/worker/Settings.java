package dev.whimbrel.worker;

import dev.whimbrel.migration.MigrationWorkflow;
import dev.whimbrel.postgres.Pace;
import dev.whimbrel.runbook.Durations;
import dev.whimbrel.runbook.NearestWord;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * The worker's own settings, read from variables {@code WHIMBREL_…} of its environment. Temporal's
 * settings are read by {@code temporal-envconfig} and do not appear here.
 *
 * @param taskQueue {@code WHIMBREL_TASK_QUEUE}: the queue that is served; {@code whimbrel}
 * @param metrics {@code WHIMBREL_METRICS}: {@code host:port} for {@code /metrics} and {@code
 *     /healthz}, or {@code off}, which is empty here; {@code 127.0.0.1:0}, a free port that the
 *     ready line names
 * @param logLevel {@code WHIMBREL_LOG_LEVEL}: error, warn, info, debug or trace; {@code info}
 * @param pace {@code WHIMBREL_LOOK_EVERY}: the longest time between two looks at the databases and
 *     the names' servers, for laboratories; each watcher's own, from 0.3 seconds to ten
 */
record Settings(String taskQueue, Optional<InetSocketAddress> metrics, String logLevel, Pace pace) {
  private static final String PREFIX = "WHIMBREL_";
  private static final String TASK_QUEUE = PREFIX + "TASK_QUEUE";
  private static final String METRICS = PREFIX + "METRICS";
  private static final String LOG_LEVEL = PREFIX + "LOG_LEVEL";
  private static final String LOOK_EVERY = PREFIX + "LOOK_EVERY";
  private static final List<String> OURS = List.of(TASK_QUEUE, METRICS, LOG_LEVEL, LOOK_EVERY);

  /** More often, the looks themselves would be the load. */
  private static final Duration SHORTEST = Duration.ofMillis(10);

  /** Variables that other parts read: the launcher, the lab, the tests. */
  private static final List<String> WELL_KNOWN =
      List.of(
          PREFIX + "TEMPORAL",
          PREFIX + "PG_BIN",
          PREFIX + "CORPUS",
          PREFIX + "DEBUG",
          PREFIX + "HOME",
          PREFIX + "CACHE",
          PREFIX + "JAVA_OPTS");

  /** Variables of this beginning are free for a runbook's {@code env:} references. */
  private static final String SECRET_PREFIX = PREFIX + "SECRET_";

  private static final List<String> LOG_LEVELS = List.of("error", "warn", "info", "debug", "trace");

  /**
   * Reads the settings.
   *
   * @throws IllegalArgumentException if a variable is unknown or cannot be read; the message lists
   *     every such variable, one a line
   */
  static Settings of(Map<String, String> environment) {
    List<String> problems = new ArrayList<>();
    for (String name : new TreeMap<>(environment).keySet()) {
      if (name.startsWith(PREFIX) && !isKnown(name)) {
        problems.add(
            "%s is not a setting of the worker. %s (A secret of a runbook may be called %s…)"
                .formatted(name, nearest(name), SECRET_PREFIX));
      }
    }
    String taskQueue = environment.getOrDefault(TASK_QUEUE, MigrationWorkflow.TASK_QUEUE);
    if (taskQueue.isBlank()) {
      problems.add(TASK_QUEUE + ": expected the name of a task queue, found nothing");
    }
    Optional<InetSocketAddress> metrics = Optional.empty();
    try {
      metrics = address(environment.getOrDefault(METRICS, "127.0.0.1:0"));
    } catch (IllegalArgumentException e) {
      problems.add(METRICS + ": " + e.getMessage());
    }
    String logLevel = environment.getOrDefault(LOG_LEVEL, "info").toLowerCase(Locale.ROOT);
    if (!LOG_LEVELS.contains(logLevel)) {
      problems.add(
          "%s: expected one of %s, found '%s'"
              .formatted(LOG_LEVEL, String.join(", ", LOG_LEVELS), logLevel));
    }
    Pace pace = pace(environment, problems);
    if (!problems.isEmpty()) {
      throw new IllegalArgumentException(String.join("\n", problems));
    }
    return new Settings(taskQueue, metrics, logLevel, pace);
  }

  private static Pace pace(Map<String, String> environment, List<String> problems) {
    String text = environment.get(LOOK_EVERY);
    if (text == null) {
      return Pace.USUAL;
    }
    try {
      Duration every = Durations.parse(text);
      if (every.compareTo(SHORTEST) >= 0) {
        return new Pace(every);
      }
      problems.add(
          "%s: expected %s or more, found %s"
              .formatted(LOOK_EVERY, Durations.format(SHORTEST), text));
    } catch (IllegalArgumentException e) {
      problems.add(LOOK_EVERY + ": " + e.getMessage());
    }
    return Pace.USUAL;
  }

  private static boolean isKnown(String name) {
    return OURS.contains(name) || WELL_KNOWN.contains(name) || name.startsWith(SECRET_PREFIX);
  }

  private static Optional<InetSocketAddress> address(String text) {
    if (text.equals("off")) {
      return Optional.empty();
    }
    int colon = text.lastIndexOf(':');
    String host = colon < 0 ? "" : text.substring(0, colon).replaceAll("^\\[|]$", "");
    if (host.isEmpty() || !text.substring(colon + 1).matches("\\d{1,5}")) {
      throw new IllegalArgumentException("expected host:port or off, found '" + text + "'");
    }
    int port = Integer.parseInt(text.substring(colon + 1));
    if (port > 65_535) {
      throw new IllegalArgumentException("expected a port up to 65535, found " + port);
    }
    InetSocketAddress address = new InetSocketAddress(host, port);
    if (address.isUnresolved()) {
      throw new IllegalArgumentException("expected an address of this host, found '" + host + "'");
    }
    return Optional.of(address);
  }

  private static String nearest(String name) {
    String nearest = NearestWord.of(name, OURS);
    return nearest == null
        ? "The settings are " + String.join(", ", OURS) + "."
        : "Did you mean " + nearest + "?";
  }
}
