package dev.whimbrel.runbook;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What {@code replicate.method} and {@code replicate.stages} must be beyond their form. What the
 * patterns find, only the source knows.
 */
final class StageRules {
  private static final String PATH = "replicate.stages";
  private static final int MOST = 8;

  private final Replicate replicate;
  private final Places places;

  StageRules(Replicate replicate, Places places) {
    this.replicate = replicate;
    this.places = places;
  }

  void check() {
    Problems.oneOf(
        places,
        "replicate.method",
        replicate.method(),
        List.of(Replicate.ONLINE, Replicate.STAGED, Replicate.OFFLINE));
    boolean staged = Replicate.STAGED.equals(replicate.method());
    List<StageSpec> stages = replicate.stages();
    if (staged && stages.isEmpty()) {
      places.report(
          "replicate.method",
          "'staged' expects replicate.stages, such as [{tables: [shop.orders, shop.customers]}]; tables that no stage names come last.");
    }
    if (!staged && !stages.isEmpty()) {
      places.report(PATH, "expected only with method: staged.");
    }
    if (stages.size() > MOST) {
      places.report(PATH, "expected at most %d stages, found %d.".formatted(MOST, stages.size()));
    }
    Map<String, Integer> seen = new HashMap<>();
    for (int i = 0; i < stages.size(); i++) {
      stage(i, stages.get(i).tables(), seen);
    }
  }

  private void stage(int number, List<String> patterns, Map<String, Integer> seen) {
    String path = PATH + "[" + number + "]";
    if (patterns.isEmpty()) {
      places.report(path, "expected at least one pattern under tables, found none.");
    }
    for (int i = 0; i < patterns.size(); i++) {
      String pattern = patterns.get(i);
      String at = path + ".tables[" + i + "]";
      Integer before = seen.putIfAbsent(pattern, number);
      if (before != null) {
        places.report(
            at,
            "'%s' stands %s already."
                .formatted(pattern, before == number ? "here" : "in stage " + (before + 1)));
      } else if (leftOut().contains(pattern)) {
        places.report(
            at, "'%s' stands under replicate.tables: its rows do not move.".formatted(pattern));
      } else {
        Problems.reportWhenRefused(places, at, () -> TablePattern.parse(pattern));
      }
    }
  }

  private Set<String> leftOut() {
    Set<String> leftOut = new HashSet<>();
    TablesSpec tables = replicate.tables();
    if (tables != null) {
      leftOut.addAll(tables.exclude());
      leftOut.addAll(tables.excludeData());
    }
    return leftOut;
  }
}
