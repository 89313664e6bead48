package dev.whimbrel.checks;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Window;
import dev.whimbrel.activity.Windows;
import dev.whimbrel.runbook.WindowSpec;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.zone.ZoneOffsetTransition;
import java.time.zone.ZoneRules;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Computes the openings of a window of the week: exactly the instants at which the clock on the
 * wall of its zone shows a time inside. Where clocks are set back inside the window, an opening may
 * therefore come in two parts; where they are set forward over the whole of it, there is none.
 */
public final class WeekWindows implements Windows {
  /** A week, a weekly window that a change of clocks swallows, and the days around them. */
  private static final int DAYS_AHEAD = 16;

  private final Clock clock;

  /** Windows by this machine's clock. */
  public WeekWindows() {
    this(Clock.systemUTC());
  }

  /** Windows by the given clock. */
  public WeekWindows(Clock clock) {
    this.clock = clock;
  }

  @Override
  public Window nextWindow(String window) {
    WindowSpec spec;
    try {
      spec = WindowSpec.parse(window);
    } catch (IllegalArgumentException e) {
      throw Failures.needsHelp(
          "Cannot read the window '" + window + "': " + e.getMessage(),
          "correct cutover.window in the runbook",
          null);
    }
    Instant now = clock.instant();
    return openings(spec, now).stream()
        .filter(opening -> opening.closes().isAfter(now))
        .findFirst()
        .orElseThrow(
            () ->
                Failures.needsHelp(
                    "The window '" + window + "' does not open in the next two weeks",
                    "choose times that exist on the clocks of " + spec.zone(),
                    null));
  }

  /** The openings from yesterday's on, in order, joined where one begins as another ends. */
  private static List<Window> openings(WindowSpec spec, Instant now) {
    LocalDate today = LocalDate.ofInstant(now, spec.zone());
    List<Window> parts = new ArrayList<>();
    for (int day = -2; day <= DAYS_AHEAD; day++) {
      LocalDate date = today.plusDays(day);
      if (spec.days().contains(date.getDayOfWeek())) {
        LocalDate closing = spec.overMidnight() ? date.plusDays(1) : date;
        parts.addAll(
            onTheWall(
                spec.zone().getRules(), date.atTime(spec.opens()), closing.atTime(spec.closes())));
      }
    }
    parts.sort(Comparator.comparing(Window::opens));
    List<Window> joined = new ArrayList<>();
    for (Window part : parts) {
      int last = joined.size() - 1;
      if (last >= 0 && !part.opens().isAfter(joined.get(last).closes())) {
        Instant closes = latest(part.closes(), joined.get(last).closes());
        joined.set(last, new Window(joined.get(last).opens(), closes));
      } else {
        joined.add(part);
      }
    }
    return joined;
  }

  /** The instants at which the clock shows from {@code opens} until before {@code closes}. */
  private static List<Window> onTheWall(
      ZoneRules rules, LocalDateTime opens, LocalDateTime closes) {
    List<Window> parts = new ArrayList<>();
    Instant end = closes.toInstant(ZoneOffset.MIN);
    Instant from = opens.toInstant(ZoneOffset.MAX).minus(Duration.ofDays(1));
    while (from.isBefore(end)) {
      ZoneOffset offset = rules.getOffset(from);
      @Nullable ZoneOffsetTransition change = rules.nextTransition(from);
      Instant until = change == null ? end : change.getInstant();
      Instant partOpens = latest(from, opens.toInstant(offset));
      Instant partCloses = earliest(until, closes.toInstant(offset));
      if (partOpens.isBefore(partCloses)) {
        parts.add(new Window(partOpens, partCloses));
      }
      from = until;
    }
    return parts;
  }

  private static Instant latest(Instant one, Instant other) {
    return one.isAfter(other) ? one : other;
  }

  private static Instant earliest(Instant one, Instant other) {
    return one.isBefore(other) ? one : other;
  }
}
