package dev.whimbrel.runbook;

import java.util.List;

/**
 * Which tables move. Names are patterns as in {@code psql}: {@code schema.table}, with {@code *}
 * for anything and {@code ?} for one character; what stands in double quotes is taken literally,
 * everything else in lower case. They speak of views, materialized views, foreign tables and
 * sequences too. A partition goes with its root, a sequence with the table that owns it; an
 * extension's tables come with it and cannot be chosen. A clone heeds the choice too.
 *
 * @param include nothing but these moves; absent: everything
 * @param exclude these do not move: they are not made on the target
 * @param excludeData these tables are made on the target, and stay empty: their rows do not move,
 *     neither there nor back
 */
public record TablesSpec(List<String> include, List<String> exclude, List<String> excludeData) {

  public TablesSpec {
    include = Defaults.list(include);
    exclude = Defaults.list(exclude);
    excludeData = Defaults.list(excludeData);
  }

  /** What does not move, in words; empty where everything does. */
  public String leftOut() {
    String rest = String.join(", ", exclude);
    if (include.isEmpty()) {
      return rest;
    }
    return "everything but " + String.join(", ", include) + (rest.isEmpty() ? "" : "; " + rest);
  }
}
