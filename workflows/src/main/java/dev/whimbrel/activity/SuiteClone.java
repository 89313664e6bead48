package dev.whimbrel.activity;

import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.runbook.PostgresUrl;

/**
 * A clone of the target's database on the target's server, for one run of a suite that writes.
 *
 * @param move the migration
 * @param mark what no other clone shares, eight letters: whoever comes late finds its own clone, or
 *     nothing
 */
public record SuiteClone(Move move, String mark) {
  /** So much of the name and the mark fit into an identifier of 63 bytes. */
  private static final int LONGEST = 31;

  /** What its database is called. */
  public String database() {
    String name = move.migration().replace('-', '_');
    return "whimbrel_%s_suite_%s"
        .formatted(name.substring(0, Math.min(LONGEST, name.length())), mark);
  }

  /** How workers reach it: as the target, in another database. */
  public PostgresSpec postgres() {
    PostgresSpec target = move.target();
    return new PostgresSpec(
        PostgresUrl.inDatabase(target.url(), database()), target.password(), null, null);
  }
}
