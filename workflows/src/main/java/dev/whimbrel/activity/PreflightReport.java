package dev.whimbrel.activity;

import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

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
 * @param changes what would be changed outside of the databases
 * @param forecast how long the copy would take; null where nobody asked
 * @param proposedQueries a file for {@code validate.queries} to begin with; null where nobody
 *     asked, or where there is nothing to propose
 */
public record PreflightReport(
    Instant at,
    List<Finding> findings,
    List<DatabaseUser> users,
    String sourceVersion,
    String targetVersion,
    long sourceBytes,
    long predictedPauseMillis,
    boolean canGoBack,
    List<PlannedChange> changes,
    @Nullable Forecast forecast,
    @Nullable String proposedQueries) {

  public PreflightReport {
    changes = changes == null ? List.of() : List.copyOf(changes);
  }

  /** A report about the databases alone. */
  public PreflightReport(
      Instant at,
      List<Finding> findings,
      List<DatabaseUser> users,
      String sourceVersion,
      String targetVersion,
      long sourceBytes,
      long predictedPauseMillis,
      boolean canGoBack) {
    this(
        at,
        findings,
        users,
        sourceVersion,
        targetVersion,
        sourceBytes,
        predictedPauseMillis,
        canGoBack,
        List.of(),
        null,
        null);
  }

  /** The same with what would be changed elsewhere, and with its findings. */
  public PreflightReport with(List<PlannedChange> more) {
    return with(
        more,
        more.stream().flatMap(change -> change.plan().findings().stream()).toList(),
        forecast,
        proposedQueries);
  }

  /** The same with how long the copy would take, and with what is to be said of it. */
  public PreflightReport expecting(Forecast time) {
    return with(List.of(), time.findings(), time, proposedQueries);
  }

  /** The same with queries that could be asked, or with why there are none. */
  public PreflightReport proposing(QueryProposal queries) {
    return with(List.of(), queries.findings(), forecast, queries.text());
  }

  /** The same with more findings, gravest first as before. */
  public PreflightReport having(List<Finding> more) {
    return with(List.of(), more, forecast, proposedQueries);
  }

  private PreflightReport with(
      List<PlannedChange> more,
      List<Finding> moreFindings,
      @Nullable Forecast time,
      @Nullable String queries) {
    return new PreflightReport(
        at,
        Stream.concat(findings.stream(), moreFindings.stream())
            .sorted(Comparator.comparing(Finding::level))
            .toList(),
        users,
        sourceVersion,
        targetVersion,
        sourceBytes,
        predictedPauseMillis,
        canGoBack,
        Stream.concat(changes.stream(), more.stream()).toList(),
        time,
        queries);
  }

  /**
   * What would be changed at one place.
   *
   * @param what {@code names}, {@code traffic}, {@code machines} or {@code old machines}
   * @param plan the changes there and back
   */
  public record PlannedChange(String what, ChangePlan plan) {}

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
