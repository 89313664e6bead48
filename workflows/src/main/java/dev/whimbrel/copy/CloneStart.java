package dev.whimbrel.copy;

import dev.whimbrel.activity.Move;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.runbook.Runbook;
import dev.whimbrel.runbook.TablesSpec;
import dev.whimbrel.runbook.ThrottleSpec;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What is cloned, and where to: the part of a runbook that a clone needs.
 *
 * @param name the runbook's name
 * @param source the database that is read
 * @param target the empty database
 * @param jobs how many copy at once
 * @param throttle what the copy may take, or null for as much as the servers give
 * @param verify whether every table is compared with the snapshot
 * @param hash how rows are hashed for that
 * @param tables which tables are cloned, or null for all, as in histories of before there was a
 *     choice
 */
public record CloneStart(
    String name,
    PostgresSpec source,
    PostgresSpec target,
    int jobs,
    @Nullable ThrottleSpec throttle,
    boolean verify,
    String hash,
    @Nullable TablesSpec tables) {
  /** So much of the name and a mark of eight letters fit where servers show an application. */
  private static final int LONGEST = 31;

  private static final int MARK = 8;

  /** What a runbook says of it. */
  public static CloneStart of(Runbook runbook, boolean verify) {
    return new CloneStart(
        runbook.name(),
        runbook.source().postgres(),
        runbook.target().postgres(),
        runbook.replicate().jobs(),
        runbook.replicate().throttle(),
        verify,
        runbook.validate().hash(),
        runbook.replicate().tables());
  }

  /** The databases of one run, which no other run of this clone shares its marks with. */
  Move move(String runId) {
    return new Move(
        run(name, runId),
        source,
        target,
        List.of(),
        List.of(),
        jobs,
        Duration.ZERO,
        throttle,
        null,
        tables);
  }

  /** A run by its clone's name and the end of Temporal's id: what it begins with is the time. */
  static String run(String name, String runId) {
    String mark = runId.replace("-", "");
    return runs(name) + mark.substring(Math.max(0, mark.length() - MARK));
  }

  /** How every run of a clone is called, but for its mark. No migration may be called so. */
  public static String runs(String name) {
    return name.length() <= LONGEST
        ? name + "~"
        : "%s-%08x~".formatted(name.substring(0, LONGEST - MARK - 1), name.hashCode());
  }
}
