package dev.whimbrel.cli;

import dev.whimbrel.activity.Forecast;
import dev.whimbrel.activity.Forecast.Measured;
import dev.whimbrel.activity.Forecast.TableTime;
import dev.whimbrel.activity.Forecast.Times;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** A forecast in lines for a terminal. */
final class ForecastText {
  private ForecastText() {}

  /**
   * The lines.
   *
   * @param method what {@link MethodAdvice#line} says
   */
  static List<String> lines(Forecast forecast, String method) {
    List<String> lines = new ArrayList<>();
    Measured measured = forecast.measured();
    Times times = forecast.times();
    if (measured == null || times == null) {
      lines.add(method);
      return lines;
    }
    lines.add("MEASURED: " + copied(forecast, measured));
    if (measured.index() != null) {
      lines.add("MEASURED: " + indexed(measured));
    }
    lines.add("FORECAST: " + forecast(times));
    forecast.largest().forEach(table -> lines.add("  " + table(table)));
    if (times.atLeast() > 0) {
      lines.add(
          "NOT SHORTER THAN: about %s with any number of jobs, for %s"
              .formatted(seconds(times.atLeast()), times.because()));
    }
    lines.add(method);
    lines.add("NOT IN THE FORECAST: " + String.join("; ", forecast.leavesOut()));
    return lines;
  }

  private static String copied(Forecast forecast, Measured measured) {
    return "%s moved %s of %s (%s rows as %s) from the source through a worker to the target in %s, and %s for the target's log: %s/s; one alone: %s/s%s"
        .formatted(
            measured.sessions() == 1 ? "one session" : measured.sessions() + " sessions at once",
            Words.bytes(measured.bytes()),
            measured.table(),
            Words.count(measured.rows()),
            measured.format(),
            millis(measured.copyMillis()),
            millis(measured.logMillis()),
            Words.bytes(measured.rate()),
            Words.bytes(measured.aloneRate()),
            measured.sessions() < forecast.jobs()
                ? "; the runbook's %d jobs were not tried at once".formatted(forecast.jobs())
                : "");
  }

  private static String indexed(Measured measured) {
    return "an index (%s) of %s rows in %s%s%s"
        .formatted(
            measured.index(),
            Words.count(measured.indexRows()),
            millis(measured.indexMillis()),
            measured.sessions() == 1 ? "" : ", %d at once".formatted(measured.sessions()),
            measured.keyMillis() == null
                ? ""
                : ", and their keys looked up in " + millis(measured.keyMillis()));
  }

  private static String forecast(Times times) {
    return "copy about %s, indexes %s, foreign keys %s: about %s in all"
        .formatted(
            seconds(times.copy()),
            about(times.indexes()),
            about(times.foreignKeys()),
            seconds(times.whole()));
  }

  private static String table(TableTime table) {
    return String.format(
        Locale.ROOT,
        "%-24s %9s %3d %%  rows about %s, indexes (%s) %s",
        table.table(),
        Words.bytes(table.bytes()),
        table.percent(),
        seconds(table.copySeconds()),
        Words.bytes(table.indexBytes()),
        about(table.indexSeconds()));
  }

  private static String about(@Nullable Long seconds) {
    return seconds == null ? "not measured" : "about " + seconds(seconds);
  }

  private static String seconds(long seconds) {
    return Words.duration(Duration.ofSeconds(seconds));
  }

  private static String millis(long millis) {
    return millis < 10_000
        ? String.format(Locale.ROOT, "%.2f s", millis / 1000.0)
        : seconds(millis / 1000);
  }
}
