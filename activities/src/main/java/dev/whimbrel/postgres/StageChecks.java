package dev.whimbrel.postgres;

import dev.whimbrel.postgres.Selection.Relation;
import dev.whimbrel.runbook.NearestWord;
import dev.whimbrel.runbook.TablePattern;
import java.sql.SQLException;
import java.util.List;
import java.util.Set;

/** What the patterns of {@code replicate.stages} find on the source. */
final class StageChecks {
  private static final String CHECK = "stages";
  private static final String KEY = "replicate.stages[%d]";
  private static final String FIX = "correct the pattern, or take it out";

  /** A plan is read by people, and travels through a workflow's history. */
  private static final int SHOWN = 50;

  private final Look look;
  private final Findings findings;

  StageChecks(Look look, Findings findings) {
    this.look = look;
    this.findings = findings;
  }

  void run() throws SQLException {
    if (!look.move().staged()) {
      return;
    }
    Stages stages = Stages.of(look.move(), look.source());
    for (int i = 0; i < stages.patterns().size(); i++) {
      for (TablePattern pattern : stages.patterns().get(i)) {
        found(stages, i, pattern);
      }
    }
    tell(stages.stages());
  }

  private void tell(List<Stages.Stage> stages) {
    for (int i = 0; i < stages.size(); i++) {
      Stages.Stage stage = stages.get(i);
      findings.note(
          CHECK,
          "stage %d of %d".formatted(i + 1, stages.size()),
          "%s, %s%s: %s"
              .formatted(
                  stage.count() == 1 ? "1 table" : "%,d tables".formatted(stage.count()),
                  Size.words(stage.bytes()),
                  stage.named() ? "" : ", which no stage names",
                  Selection.names(stage.leading(), SHOWN)));
    }
    if (stages.size() == 1) {
      findings.warning(
          CHECK,
          "replicate.stages",
          "all tables come in one stage: nothing is live sooner than by method: online.",
          "name in replicate.stages what is to be live first, and nothing else");
    }
  }

  /** A pattern that finds nothing of its own is a slip of the pen. */
  private void found(Stages stages, int stage, TablePattern pattern) {
    List<Relation> known = stages.selection().all().stream().filter(Relation::isTable).toList();
    List<Relation> found =
        known.stream().filter(each -> pattern.matches(each.schema(), each.name())).toList();
    String subject = KEY.formatted(stage);
    if (found.isEmpty()) {
      String near =
          NearestWord.of(pattern.toString(), known.stream().map(Relation::label).toList());
      findings.blocker(
          CHECK,
          subject,
          "'%s' finds no table of the source.%s"
              .formatted(pattern, near == null ? "" : " Did you mean '" + near + "'?"),
          FIX);
      return;
    }
    Set<Relation> staged = Set.copyOf(stages.staged());
    List<Relation> copied = found.stream().filter(staged::contains).toList();
    if (copied.isEmpty()) {
      findings.blocker(
          CHECK,
          subject,
          "'%s' finds only tables whose rows are not copied: %s."
              .formatted(pattern, Selection.names(found, 5)),
          FIX);
      return;
    }
    alone(stages, stage, pattern, copied);
    List<Relation> leading = copied.stream().filter(each -> !each.follows()).toList();
    if (!leading.isEmpty() && leading.stream().allMatch(each -> stages.stageOf(each) < stage)) {
      findings.blocker(
          CHECK,
          subject,
          "'%s' finds only tables that come before: %s in stage %d."
              .formatted(pattern, leading.get(0).label(), stages.stageOf(leading.get(0)) + 1),
          "take it out, or let the earlier stage's pattern not find them");
    }
  }

  /** A partition is copied with its root. */
  private void alone(Stages stages, int stage, TablePattern pattern, List<Relation> copied) {
    copied.stream()
        .filter(each -> each.follows() && stages.stageOf(each) != stage)
        .filter(each -> !pattern.matches(root(stages, each).schema(), root(stages, each).name()))
        .findFirst()
        .ifPresent(
            torn ->
                findings.blocker(
                    CHECK,
                    KEY.formatted(stage),
                    "'%s' finds %s, a partition of %s, which comes in stage %d: partitions come with their root."
                        .formatted(
                            pattern,
                            torn.label(),
                            root(stages, torn).label(),
                            stages.stageOf(torn) + 1),
                    "name %s instead".formatted(root(stages, torn).label())));
  }

  private static Relation root(Stages stages, Relation partition) {
    return stages.selection().leading(partition);
  }
}
