package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.Verification;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.activity.VerifyRequest;
import dev.whimbrel.secrets.Secrets;
import io.temporal.activity.Activity;
import io.temporal.failure.TemporalFailure;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CompletionService;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/**
 * Compares both databases while they go on: data, sequences, large objects, and what the catalogs
 * say. Reads with short statements, {@link dev.whimbrel.activity.Move#jobs} tables, or stretches of
 * a large one, at once; writes nothing but markers on the side that takes the writes.
 */
public final class PostgresVerification implements Verification {
  private static final Duration HEARTBEAT = Duration.ofSeconds(1);

  private final Databases databases;
  private final Consumer<Progress> heartbeat;
  private final long stretchRows;

  /** Verification whose passwords are resolved by {@code secrets}. */
  public PostgresVerification(Secrets secrets) {
    this(secrets, progress -> Activity.getExecutionContext().heartbeat(progress));
  }

  PostgresVerification(Secrets secrets, Consumer<Progress> heartbeat) {
    this(secrets, heartbeat, Stretches.ROWS);
  }

  /** Verification that cuts tables into stretches of so many rows. */
  PostgresVerification(Secrets secrets, Consumer<Progress> heartbeat, long stretchRows) {
    this.stretchRows = stretchRows;
    this.databases = new Databases(secrets);
    this.heartbeat = heartbeat;
  }

  @Override
  public VerificationReport verify(VerifyRequest request) {
    Tally tally = new Tally(request.truth());
    try (Pair catalogs = open(request);
        StreamPoint stream = stream(request)) {
      awaitStream(stream, tally);
      Queue<Task> tasks = tasks(request, tally, catalogs, stream);
      work(request, tally, tasks);
      return tally.report(Instant.now());
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot compare the databases of " + request.move().migration(), e);
    }
  }

  /** Proves that the stream moves, with heartbeats: it may be a minute behind. */
  private void awaitStream(StreamPoint stream, Tally tally) throws SQLException {
    ExecutorService thread = Executors.newSingleThreadExecutor(PostgresVerification::daemon);
    try {
      CompletionService<Tally> running = new ExecutorCompletionService<>(thread);
      running.submit(
          () -> {
            stream.pass();
            return tally;
          });
      do {
        heartbeat.accept(Progress.of("waiting for the stream to carry a marker"));
      } while (!ended(running));
    } finally {
      thread.shutdownNow();
    }
  }

  private static Thread daemon(Runnable work) {
    Thread thread = new Thread(work, "verification");
    thread.setDaemon(true);
    return thread;
  }

  /** A piece of work with its own name in messages. */
  private record Task(String subject, Work work) {
    interface Work {
      void run(Pair pair) throws SQLException, InterruptedException;
    }
  }

  private Queue<Task> tasks(VerifyRequest request, Tally tally, Pair catalogs, StreamPoint stream)
      throws SQLException {
    TablePairing pairing = new TablePairing(tally, plainBytes(catalogs));
    Queue<Task> tasks = new ArrayDeque<>();
    tasks.add(new Task("catalogs", pair -> new CatalogComparison(pair, tally).run()));
    tasks.add(
        new Task("sequences", pair -> new SequenceComparison(pair, request.truth(), tally).run()));
    List<ComparedTable> tables =
        new ArrayList<>(
            pairing.pair(read(catalogs.truth(), "r", "f"), read(catalogs.follower(), "r", "f")));
    // The largest first, so that nobody is left alone with it at the end.
    tables.sort(Comparator.comparingLong(ComparedTable::rows).reversed());
    for (ComparedTable table : tables) {
      tasks.addAll(compare(table, new Stretches(catalogs.truth(), stretchRows), stream, tally));
    }
    for (ComparedTable view :
        pairing.pair(read(catalogs.truth(), "m"), read(catalogs.follower(), "m"))) {
      tasks.add(new Task(view.label(), pair -> compareView(view, pair, tally)));
    }
    tasks.add(new Task("large objects", pair -> new LargeObjectComparison(pair, tally).run()));
    return tasks;
  }

  private static Map<String, TableShape> read(Connection connection, String... kinds)
      throws SQLException {
    return TableCatalog.read(connection, kinds);
  }

  private static List<Task> compare(
      ComparedTable table, Stretches stretches, StreamPoint stream, Tally tally)
      throws SQLException {
    if (!table.hasKey()) {
      return List.of(new Task(table.label(), pair -> compareWhole(table, pair, stream, tally)));
    }
    List<Block.Range> all = stretches.of(table);
    AtomicInteger left = new AtomicInteger(all.size());
    return all.stream()
        .map(
            stretch ->
                new Task(
                    table.label(),
                    pair -> {
                      preferIndexes(pair, true);
                      new KeyedComparison(table, stretch, pair, new SecondLook(stream), tally)
                          .run();
                      if (left.decrementAndGet() == 0) {
                        tally.table();
                      }
                    }))
        .toList();
  }

  private static void compareWhole(ComparedTable table, Pair pair, StreamPoint stream, Tally tally)
      throws SQLException, InterruptedException {
    preferIndexes(pair, false);
    new KeylessComparison(table, pair, tally).run(stream);
    tally.table();
  }

  private static void compareView(ComparedTable view, Pair pair, Tally tally) throws SQLException {
    preferIndexes(pair, false);
    if (!new KeylessComparison(view, pair, tally).looksEqual()) {
      tally.stale(
          "materialized view %s: its rows differ, as they do when it was refreshed at another time. Fix: REFRESH MATERIALIZED VIEW %s;"
              .formatted(view.label(), Quoting.qualified(view.schema(), view.name())));
    }
  }

  /** Keeps the planner from scanning a table for each of its blocks, or its index for all of it. */
  private static void preferIndexes(Pair pair, boolean indexes) throws SQLException {
    for (Connection connection : List.of(pair.truth(), pair.follower())) {
      try (var statement = connection.createStatement()) {
        statement.execute(
            "set enable_seqscan = %s; set enable_indexscan = %s"
                .formatted(indexes ? "off" : "on", indexes ? "on" : "off"));
      }
    }
  }

  /** Whether both databases hold bytes of no declared encoding. */
  private static boolean plainBytes(Pair pair) throws SQLException {
    boolean plain = true;
    for (Connection connection : List.of(pair.truth(), pair.follower())) {
      try (var statement = connection.createStatement();
          var row = statement.executeQuery("show server_encoding")) {
        row.next();
        plain &= "SQL_ASCII".equals(row.getString(1));
      }
    }
    return plain;
  }

  /** Works the tasks off on several threads, each with its own pair of sessions. */
  private void work(VerifyRequest request, Tally tally, Queue<Task> all) throws SQLException {
    int total = all.size();
    Queue<Task> tasks = new ConcurrentLinkedQueue<>(all);
    Queue<Pair> pairs = new ConcurrentLinkedQueue<>();
    int jobs = Math.max(1, Math.min(request.move().jobs(), total));
    ExecutorService threads = Executors.newFixedThreadPool(jobs, PostgresVerification::daemon);
    try {
      CompletionService<Tally> running = new ExecutorCompletionService<>(threads);
      for (int i = 0; i < jobs; i++) {
        running.submit(() -> drain(request, tally, tasks, pairs));
      }
      for (int ended = 0; ended < jobs; ) {
        if (ended(running)) {
          ended++;
        } else {
          heartbeat.accept(progress(tally, tasks, total));
        }
      }
    } finally {
      // Reached with sessions still open only when the verification is given up.
      tasks.clear();
      threads.shutdownNow();
      pairs.forEach(Pair::abort);
    }
  }

  private static Progress progress(Tally tally, Queue<Task> tasks, int total) {
    long done = (long) total - tasks.size();
    return new Progress(tally.line(), done, (long) total, null, null, null, null, null);
  }

  private Tally drain(VerifyRequest request, Tally tally, Queue<Task> tasks, Queue<Pair> pairs)
      throws SQLException, InterruptedException {
    try (Pair pair = open(request)) {
      pairs.add(pair);
      for (Task task = tasks.poll(); task != null; task = tasks.poll()) {
        try {
          task.work().run(pair);
        } catch (SQLException e) {
          // What one object does not allow says nothing about the others.
          tally.notCompared(reason(task.subject(), e));
        }
      }
      pairs.remove(pair);
      return tally;
    }
  }

  /** Why an object cannot be compared; throws on where the fault is not the object's. */
  private static String reason(String subject, SQLException e) throws SQLException {
    String state = e.getSQLState() == null ? "" : e.getSQLState();
    String message = e.getMessage() == null ? "" : e.getMessage().lines().findFirst().orElse("");
    if (state.equals(SqlFailures.INSUFFICIENT_PRIVILEGE)) {
      return "%s: %s. Fix: GRANT SELECT, and where row-level security is on, ALTER ROLE … BYPASSRLS"
          .formatted(subject, message);
    }
    boolean ofTheObject =
        state.equals(SqlFailures.QUERY_CANCELED)
            || state.equals(SqlFailures.LOCK_NOT_AVAILABLE)
            || state.equals(SqlFailures.UNDEFINED_TABLE)
            || state.startsWith("22")
            || state.startsWith("54")
            || state.equals("XX000")
            || state.equals("42703");
    if (!ofTheObject) {
      throw e;
    }
    return subject + ": " + message;
  }

  /** Waits a moment for one of the threads; throws what it failed with. */
  private static boolean ended(CompletionService<Tally> running) throws SQLException {
    try {
      Future<Tally> next = running.poll(HEARTBEAT.toMillis(), TimeUnit.MILLISECONDS);
      if (next != null) {
        next.get();
      }
      return next != null;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw Failures.transientFailure("Cannot go on comparing: the worker is shutting down");
    } catch (ExecutionException e) {
      if (e.getCause() instanceof SQLException sql) {
        throw sql;
      }
      if (e.getCause() instanceof TemporalFailure failure) {
        throw failure;
      }
      throw new IllegalStateException(e.getCause());
    }
  }

  private Pair open(VerifyRequest request) throws SQLException {
    String name = Names.applicationName(request.move().migration(), "verification");
    Connection truth = Pinned.open(databases, request.move().on(request.truth()), name);
    try {
      return new Pair(
          truth, Pinned.open(databases, request.move().on(request.truth().other()), name));
    } catch (SQLException e) {
      truth.close();
      throw e;
    }
  }

  private StreamPoint stream(VerifyRequest request) throws SQLException {
    String name = Names.applicationName(request.move().migration(), "verification");
    Duration limit = StreamPoint.PATIENCE.plusSeconds(15);
    Connection truth = databases.open(request.move().on(request.truth()), name, limit);
    try {
      return StreamPoint.byMarker(
          truth,
          databases.open(request.move().on(request.truth().other()), name, limit),
          request.truth());
    } catch (SQLException e) {
      truth.close();
      throw e;
    }
  }
}
