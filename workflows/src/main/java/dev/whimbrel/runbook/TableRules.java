package dev.whimbrel.runbook;

import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * What {@code replicate.tables} must be beyond its form. What its patterns find, only the source
 * knows.
 */
final class TableRules {
  private static final String PATH = "replicate.tables";

  private final TablesSpec tables;
  private final Places places;

  TableRules(TablesSpec tables, Places places) {
    this.tables = tables;
    this.places = places;
  }

  void check() {
    if (tables.include().isEmpty()
        && tables.exclude().isEmpty()
        && tables.excludeData().isEmpty()) {
      places.report(PATH, "expected at least one of include, exclude, excludeData, found none.");
    }
    patterns("include", tables.include(), List.of());
    patterns("exclude", tables.exclude(), List.of());
    patterns("excludeData", tables.excludeData(), tables.exclude());
  }

  private void patterns(String key, List<String> patterns, List<String> leftOut) {
    Set<String> seen = new HashSet<>();
    for (int i = 0; i < patterns.size(); i++) {
      String pattern = patterns.get(i);
      String at = PATH + "." + key + "[" + i + "]";
      if (!seen.add(pattern)) {
        places.report(at, "'" + pattern + "' stands here a second time.");
      } else if (leftOut.contains(pattern)) {
        places.report(at, "'" + pattern + "' stands under exclude: it is not made on the target.");
      } else {
        Problems.reportWhenRefused(places, at, () -> TablePattern.parse(pattern));
      }
    }
  }
}
