package dev.whimbrel.lab;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.activity.VerifyRequest;
import dev.whimbrel.postgres.PostgresVerification;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.ChildProcess;
import dev.whimbrel.servers.PostgresServer;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/**
 * Measures how long one verification of all tables takes, by either hash, against {@code count(*)}
 * over all tables on both servers at the same time, with the same number of sessions on each, in
 * turns. Ends with 1 if a verification finds anything; times decide nothing.
 */
@Command(
    name = "verify",
    mixinStandardHelpOptions = true,
    description = "How long a comparison of everything takes, against count(*) over all tables.")
final class VerifyBenchmark implements Callable<Integer> {
  private static final String NAME = "bench-verify";
  private static final String COUNT = "count(*)";

  /** The largest first, as a verification does. */
  private static final List<String> TABLES = List.of("events", "orders", "documents", "accounts");

  private static final Duration LIMIT = Duration.ofHours(2);
  private static final Duration EVERY = Duration.ofMillis(500);

  @Mixin final Scale scale = new Scale(1, 5, 2);

  private final Map<String, List<Duration>> figures = new LinkedHashMap<>();
  private boolean good = true;

  @Override
  public Integer call() {
    scale.check();
    return Benchmark.exitCode(this::run);
  }

  /** Something whose time is taken. */
  private interface Work {
    void run(CopyWorld world) throws SQLException;
  }

  /** Whether no verification has found anything. */
  private boolean run() throws SQLException {
    List<Map.Entry<String, Work>> works =
        new ArrayList<>(
            List.of(
                Map.entry(COUNT, world -> count(world, "*")),
                // The planner counts by the smallest index; this reads the rows.
                Map.entry("count(t)", world -> count(world, "t")),
                Map.entry("verify, fast", world -> verify(world, "fast")),
                Map.entry("verify, sha256", world -> verify(world, "sha256"))));
    try (CopyWorld world = new CopyWorld(scale.jobs)) {
      CopyData.create(world.source(), scale.gigabytes);
      world.empty();
      copy(world);
      settle(world);
      System.out.println(CopyData.describe(world.source()) + ", " + scale.jobs + " jobs");
      // Whatever came first would pay for what the servers have not in memory yet.
      count(world, "t");
      for (int round = 1; round <= scale.rounds; round++) {
        for (Map.Entry<String, Work> work : works) {
          one(world, work.getKey(), work.getValue(), round);
        }
        // Nobody always comes behind the same other one.
        Collections.rotate(works, 1);
      }
    }
    print();
    return good;
  }

  private void one(CopyWorld world, String word, Work work, int round) throws SQLException {
    long begun = System.nanoTime();
    work.run(world);
    Duration took = Duration.ofNanos(System.nanoTime() - begun);
    figures.computeIfAbsent(word, any -> new ArrayList<>()).add(took);
    System.out.printf(Locale.ROOT, "  %d. %s: %.2f s%n", round, word, Seconds.of(took));
  }

  /**
   * Lets Whimbrel copy until the stream runs, and ends its worker: the stream is the servers' own,
   * and what is measured has the machine for itself.
   */
  private void copy(CopyWorld world) {
    ChildProcess worker = world.product().startWorker();
    try (LabMigration migration = new LabMigration(world.temporal().target(), NAME)) {
      world.start(NAME, false);
      migration.await("the soak", LIMIT, EVERY, status -> "replicate.soak".equals(status.step()));
    } finally {
      worker.kill9();
    }
  }

  /** Both sides as after a night: vacuumed, and everything written down. */
  private static void settle(CopyWorld world) {
    for (PostgresServer server : List.of(world.source(), world.target())) {
      server.execute(CopyData.DATABASE, "VACUUM (ANALYZE)", "CHECKPOINT");
    }
  }

  private void verify(CopyWorld world, String hash) {
    Move move =
        new Move(
            NAME,
            new PostgresSpec(world.sourceUrl(false), null, null, null),
            new PostgresSpec(world.targetUrl(false), null, null, null),
            List.of(),
            List.of(),
            scale.jobs,
            Duration.ofSeconds(2));
    VerificationReport report =
        new PostgresVerification(new Secrets(Map.of()), progress -> {})
            .verify(new VerifyRequest(move, Side.SOURCE, hash));
    if (report.differences() > 0 || !report.hash().equals(hash)) {
      good = false;
      System.out.println("  FOUND: " + report);
    }
  }

  /** Counts the rows of every table on both servers at once. */
  private void count(CopyWorld world, String what) throws SQLException {
    ExecutorService threads = Executors.newFixedThreadPool(2 * scale.jobs);
    try {
      List<Future<Long>> counts = new ArrayList<>();
      for (PostgresServer server : List.of(world.source(), world.target())) {
        Queue<String> tables = new ConcurrentLinkedQueue<>(TABLES);
        for (int i = 0; i < scale.jobs; i++) {
          counts.add(threads.submit(() -> count(server, tables, what)));
        }
      }
      for (Future<Long> each : counts) {
        each.get();
      }
    } catch (ExecutionException e) {
      throw new IllegalStateException(e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("Interrupted", e);
    } finally {
      threads.shutdownNow();
    }
  }

  private static long count(PostgresServer server, Queue<String> tables, String what)
      throws SQLException {
    long rows = 0;
    try (Connection connection = server.connect(CopyData.DATABASE);
        Statement statement = connection.createStatement()) {
      for (String table = tables.poll(); table != null; table = tables.poll()) {
        try (ResultSet row =
            statement.executeQuery("SELECT count(" + what + ") FROM " + table + " t")) {
          row.next();
          rows += row.getLong(1);
        }
      }
    }
    return rows;
  }

  private void print() {
    System.out.printf("%n| what | rounds | seconds | of count(*) |%n|---|---|---|---|%n");
    List<Duration> counts = figures.getOrDefault(COUNT, List.of());
    figures.forEach(
        (word, took) ->
            System.out.printf(
                Locale.ROOT,
                "| `%s` | %d | %.2f (%.2f–%.2f) | %.1f (%.1f–%.1f) |%n",
                word,
                took.size(),
                Seconds.median(took),
                Seconds.of(Collections.min(took)),
                Seconds.of(Collections.max(took)),
                Seconds.median(took) / Seconds.median(counts),
                Seconds.of(Collections.min(took)) / Seconds.of(Collections.max(counts)),
                Seconds.of(Collections.max(took)) / Seconds.of(Collections.min(counts))));
  }
}
