package dev.whimbrel.worker;

import dev.whimbrel.postgres.Inspected;
import dev.whimbrel.postgres.Inspected.ByHandStep;
import dev.whimbrel.postgres.Inspected.Way;
import java.util.ArrayList;
import java.util.List;

/** What an inspection found, as lines for people. Commands stand at the margin, to be copied. */
final class InspectText {
  private InspectText() {}

  static List<String> of(Inspected inspected) {
    List<String> lines = new ArrayList<>();
    lines.add(inspected.headline());
    inspected.alarms().forEach(alarm -> lines.add("FIRST: " + alarm));
    lines.add("");
    lines.add("FOUND:");
    inspected.facts().forEach(fact -> lines.add("  " + fact));
    for (Way way : inspected.ways()) {
      lines.add("");
      lines.add("== " + way.title());
      if (way.impossible() != null) {
        lines.add("   Not from here: " + way.impossible() + ".");
      }
      int number = 1;
      for (ByHandStep step : way.steps()) {
        lines.add("");
        lines.add("#  " + number++ + ". " + step.what() + ".");
        String command = step.command();
        if (command != null) {
          command.lines().forEach(lines::add);
        }
      }
    }
    return lines;
  }
}
