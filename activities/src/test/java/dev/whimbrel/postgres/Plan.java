package dev.whimbrel.postgres;

import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Move;
import dev.whimbrel.secrets.Secrets;
import java.util.List;

/** What a plan says, each finding with its level and the name of its check. */
final class Plan {
  private Plan() {}

  static List<String> of(Move move) {
    return new PostgresPreflight(new Secrets())
        .preflight(move).findings().stream().map(Plan::words).toList();
  }

  private static String words(Finding finding) {
    return finding.level()
        + " "
        + finding.check()
        + " "
        + finding.message()
        + (finding.fix() == null ? "" : " Fix: " + finding.fix());
  }
}
