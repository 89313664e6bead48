package dev.whimbrel.runbook;

import java.util.List;

/**
 * Tables that come together. Names are patterns as under {@code tables}: {@code schema.table}, with
 * {@code *} for anything. A table belongs to the first stage that names it, a partition to the
 * stage of its root.
 *
 * @param tables which; at least one pattern
 */
public record StageSpec(List<String> tables) {

  public StageSpec {
    tables = Defaults.list(tables);
  }
}
