package dev.whimbrel.lab;

import dev.whimbrel.migration.MigrationStatus;
import dev.whimbrel.migration.MigrationStatus.StepRecord;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Whimbrel: a worker and a runbook. Its copy is over when the stream runs, every index is built and
 * the target has its statistics; then the migration is rolled back.
 */
final class CopyByWhimbrel implements CopyTool {
  private static final Duration LIMIT = Duration.ofHours(2);

  /** Each look costs the engine and the worker a task, and the machine is what is measured. */
  private static final Duration EVERY = Duration.ofMillis(500);

  private static final String FIRST = "replicate.schema";
  private static final String LAST = "replicate.indexes";

  /** Behind the catching up, which is no part of a copy: its own time is added. */
  private static final String STATISTICS = "replicate.analyze";

  private final Disturbance disturbance;
  private final boolean wire;
  private @Nullable CopyWorkers workers;
  private int runs;
  private String name = "";
  private String parts = "";

  /**
   * Undisturbed, or while something happens to it.
   *
   * @param wire whether its connections go by a wire that can be broken, which costs something
   */
  CopyByWhimbrel(Disturbance disturbance, boolean wire) {
    this.disturbance = disturbance;
    this.wire = wire;
  }

  @Override
  public String word() {
    return disturbance.at().isEmpty() ? "whimbrel" : "whimbrel, " + disturbance.words();
  }

  @Override
  public Duration copy(CopyWorld world) throws SQLException {
    name = "bench-%s-%d".formatted(disturbance.label(), ++runs);
    List<Instant> happened = new ArrayList<>();
    CopyWorkers copying = new CopyWorkers(world.product());
    workers = copying;
    copying.start();
    try (LabMigration migration = new LabMigration(world.temporal().target(), name)) {
      world.start(name, wire);
      for (int percent : disturbance.at()) {
        Poll.until(percent + " % of the rows", LIMIT, EVERY, () -> copied(world) >= percent);
        happened.add(Instant.now());
        disturbance.what().happen(world, copying);
      }
      MigrationStatus copied =
          migration.await(
              "the copy", LIMIT, EVERY, status -> step(status, STATISTICS).ended() != null);
      parts = parts(copied) + pieces(world) + happened(world, happened);
      return Duration.between(began(copied), Objects.requireNonNull(step(copied, LAST).ended()))
          .plus(took(step(copied, STATISTICS)));
    }
  }

  @Override
  public String parts() {
    return parts;
  }

  /** Seconds of each step that counts. */
  private static String parts(MigrationStatus status) {
    Instant end = Objects.requireNonNull(step(status, LAST).ended());
    return status.steps().stream()
        .filter(step -> step.id().startsWith("replicate.") && endedBy(end, step))
        .map(step -> String.format(Locale.ROOT, "%s %.1f s", step.id(), Seconds.of(took(step))))
        .collect(Collectors.joining(", "));
  }

  private static boolean endedBy(Instant end, StepRecord step) {
    Instant ended = step.ended();
    return ended != null && (step.id().equals(STATISTICS) || !ended.isAfter(end));
  }

  private static Duration took(StepRecord step) {
    return Duration.between(
        Objects.requireNonNull(step.started()), Objects.requireNonNull(step.ended()));
  }

  /**
   * When the last piece of each kind was done, of the largest table and of the others; counted from
   * the first snapshot.
   */
  private static String pieces(CopyWorld world) throws SQLException {
    return CopyData.value(
        world.target(),
        """
        WITH begun AS (SELECT min(begun_at) AS at FROM whimbrel.copy_generation), largest AS (
          SELECT relation FROM whimbrel.copy_table ORDER BY bytes DESC LIMIT 1)
        SELECT coalesce(' (' || string_agg(what || ' ' || until, ', ' ORDER BY until) || ')', '') FROM (
          SELECT CASE WHEN relation IN (TABLE largest) THEN 'largest ' ELSE 'other ' END || kind || ' until' AS what,
                 round(extract(epoch FROM max(done_at) - (TABLE begun)), 1) AS until
            FROM whimbrel.copy_piece GROUP BY 1
          UNION ALL
          SELECT 'snapshot ' || number || ' held at', round(extract(epoch FROM begun_at - (TABLE begun)), 1)
            FROM whimbrel.copy_generation WHERE number > 1
          UNION ALL
          SELECT 'snapshot ' || number || ' opened at', round(extract(epoch FROM opened_at - (TABLE begun)), 1)
            FROM whimbrel.copy_generation) k""");
  }

  /** When it was disturbed, counted from the first snapshot too. */
  private static String happened(CopyWorld world, List<Instant> times) throws SQLException {
    if (times.isEmpty()) {
      return "";
    }
    Instant begun =
        Instant.parse(
            CopyData.value(
                world.target(),
                "SELECT to_char(min(begun_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
                    + " FROM whimbrel.copy_generation"));
    return times.stream()
        .map(time -> String.format(Locale.ROOT, "%.1f", Seconds.of(Duration.between(begun, time))))
        .collect(Collectors.joining(", ", " (disturbed at ", ")"));
  }

  /** Goes back, which empties the target. */
  @Override
  public void tidy(CopyWorld world) {
    try (LabMigration migration = new LabMigration(world.temporal().target(), name)) {
      Product.Ran back = world.product().run("rollback", name);
      if (back.exit() != 0) {
        throw new IllegalStateException("rollback: " + back.out() + back.err());
      }
      migration.await("the way back", LIMIT, CopyByWhimbrel::isOver);
    } finally {
      Objects.requireNonNull(workers).close();
    }
  }

  private static Instant began(MigrationStatus status) {
    return Objects.requireNonNull(step(status, FIRST).started());
  }

  private static boolean isOver(MigrationStatus status) {
    return status.state() == MigrationStatus.State.ENDED;
  }

  private static StepRecord step(MigrationStatus status, String id) {
    return status.steps().stream()
        .filter(step -> step.id().equals(id))
        .findFirst()
        .orElse(new StepRecord(id, null, null, null));
  }

  /** Percent of the rows' bytes that are copied. */
  private static long copied(CopyWorld world) {
    try (Connection connection = world.target().connect(CopyData.DATABASE);
        Statement statement = connection.createStatement()) {
      try (ResultSet there =
          statement.executeQuery("SELECT to_regclass('whimbrel.copy_piece') IS NOT NULL")) {
        there.next();
        if (!there.getBoolean(1)) {
          return 0;
        }
      }
      try (ResultSet row =
          statement.executeQuery(
              "SELECT coalesce(100 * sum(bytes) FILTER (WHERE done_at IS NOT NULL) / sum(bytes), 0)"
                  + " FROM whimbrel.copy_piece WHERE kind = 'rows'")) {
        row.next();
        return row.getLong(1);
      }
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }
}
