package dev.whimbrel.migration;

import dev.whimbrel.migration.MigrationStatus.State;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The commands that make sense now. */
final class NextSteps {
  private NextSteps() {}

  /** Whether a step is parked with the choice to go on without the source. */
  static boolean isPromotion(MigrationStatus.Parked place) {
    return place.command() != null && place.command().startsWith("whimbrel promote ");
  }

  static List<String> of(
      String name,
      State state,
      MigrationStatus.@Nullable Findings findings,
      List<MigrationStatus.Parked> parked,
      boolean canGoBack) {
    List<String> commands = new ArrayList<>();
    if (state == State.ENDED) {
      return commands;
    }
    for (MigrationStatus.Parked place : parked) {
      commands.add("whimbrel retry %s --step %s".formatted(name, place.step()));
      if (isPromotion(place)) {
        commands.add("whimbrel promote %s --accept-loss --by … --reason …".formatted(name));
      }
      if (place.skippable()) {
        commands.add("whimbrel skip %s --step %s --reason …".formatted(name, place.step()));
      }
    }
    if (findings != null) {
      commands.add(
          "whimbrel approve %s --findings %s".formatted(name, findings.hash().substring(0, 12)));
      commands.add("whimbrel reject %s --reason …".formatted(name));
    }
    if (state == State.PAUSED) {
      commands.add("whimbrel resume " + name);
    }
    if (state == State.ROLLING_BACK) {
      return commands;
    }
    if (canGoBack) {
      commands.add("whimbrel rollback %s --reason …".formatted(name));
    }
    return commands;
  }
}
