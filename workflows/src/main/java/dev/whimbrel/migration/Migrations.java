package dev.whimbrel.migration;

import dev.whimbrel.copy.CloneRun;
import dev.whimbrel.copy.CopyRun;

/** What a worker registers to carry migrations and clones out. */
public final class Migrations {
  private Migrations() {}

  /** For {@code Worker.registerWorkflowImplementationTypes}. */
  public static Class<?>[] workflowTypes() {
    return new Class<?>[] {MigrationRun.class, PlanRun.class, CopyRun.class, CloneRun.class};
  }
}
