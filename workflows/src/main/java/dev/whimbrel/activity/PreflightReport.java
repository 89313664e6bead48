package dev.whimbrel.activity;

import java.time.Instant;
import java.util.List;

/**
 * What preflight found.
 *
 * @param at when
 * @param findings everything there is to say, gravest first
 * @param users who uses the source, and how each will follow
 * @param sourceVersion the source's {@code server_version}
 * @param targetVersion the target's
 * @param sourceBytes size of the source database
 * @param predictedPauseMillis how long writes will be held up
 * @param canGoBack whether a reverse stream is possible; when not, a finding says why, in capitals
 */
public record PreflightReport(
    Instant at,
    List<Finding> findings,
    List<DatabaseUser> users,
    String sourceVersion,
    String targetVersion,
    long sourceBytes,
    long predictedPauseMillis,
    boolean canGoBack) {

  /** The findings that stop the migration. */
  public List<Finding> blockers() {
    return findings.stream().filter(f -> f.level() == Finding.Level.BLOCKER).toList();
  }

  /**
   * A role and an address that use the source.
   *
   * @param role the database role
   * @param address the client's address, {@code local} for a socket, {@code not seen} where only
   *     its statements were counted
   * @param application its {@code application_name}
   * @param writes whether it was seen, or is able, to write
   * @param follows what makes it follow, or {@code nothing}
   */
  public record DatabaseUser(
      String role, String address, String application, boolean writes, String follows) {

    /** {@code app from 192.0.2.7 (shop), writes, follows by: pgbouncer}. */
    public String line() {
      return "%s from %s (%s), %s, follows by: %s"
          .formatted(role, address, application, writes ? "writes" : "reads", follows);
    }
  }
}
