package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Copy;
import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.activity.CopyShare;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.runbook.ThrottleSpec;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import io.temporal.activity.ActivityOptions;
import io.temporal.testing.TestActivityEnvironment;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

@Needs(Program.PG_DUMP)
class ThrottleTest {
  private static final long MB = 1 << 20;
  private static Pairs pair;

  private final PostgresCopy copy = new PostgresCopy(new Secrets(), Pace.USUAL, 16 * 8192);

  @BeforeAll
  static void start() {
    pair = Pairs.of(15, 16);
  }

  @AfterAll
  static void stop() {
    pair.close();
  }

  @Test
  void isNeverFasterThanTheRateByHoweverManyJobs() throws Exception {
    Move move = throttled(filled("slow", 2), new ThrottleSpec("4MB/s", null));
    copy.prepareCopy(move);
    try (Holder holder = new Holder(copy, new CopyRequest(move, 1))) {
      copy.openGeneration(holder.request);
      long began = System.nanoTime();
      together(move.jobs(), holder.request);
      double seconds = (System.nanoTime() - began) / 1e9;

      // Each of the four starts with what a burst allows; the rest is never faster.
      double allowed = 4 * MB * (seconds + Throttle.BURST.toMillis() / 1e3) + 4 * CopyStream.PIECE;
      assertThat((double) textBytes("slow")).isLessThanOrEqualTo(allowed);
      assertThat(seconds).isGreaterThan(1.5);
    }
    assertThat(count("slow")).isEqualTo("20000");
  }

  @Test
  void restsWhileTheSourceHasMoreToDoThanIsAllowed() throws Exception {
    Move move = throttled(filled("busy", 4), new ThrottleSpec(null, 1));
    copy.prepareCopy(move);
    List<String> said = new CopyOnWriteArrayList<>();
    TestActivityEnvironment env = TestActivityEnvironment.newInstance();
    env.setActivityHeartbeatListener(Progress.class, progress -> said.add(progress.line()));
    env.registerActivitiesImplementations(copy);
    Copy activity =
        env.newActivityStub(
            Copy.class,
            ActivityOptions.newBuilder()
                .setStartToCloseTimeout(Duration.ofMinutes(5))
                .setHeartbeatTimeout(Duration.ofMillis(500)) // how often it is heard
                .build());
    try (Holder holder = new Holder(copy, new CopyRequest(move, 1));
        Connection first = pair.source().connect("busy");
        Connection second = pair.source().connect("busy")) {
      copy.openGeneration(holder.request);
      List<CompletableFuture<Boolean>> others =
          List.of(
              CompletableFuture.supplyAsync(() -> sleeps(first)),
              CompletableFuture.supplyAsync(() -> sleeps(second)));
      Wait.until(
          "both are at work", Duration.ofSeconds(30), () -> sleepers("count(*)").equals("2"));

      CompletableFuture<CopyShare> copying =
          CompletableFuture.supplyAsync(() -> activity.copyPieces(holder.request));
      Wait.until(
          "the copy rests; it said " + said,
          Duration.ofSeconds(30),
          () ->
              said.stream()
                  .anyMatch(
                      line ->
                          line.matches(
                              ".*; resting: \\d sessions of others are at work on the source, 1 allowed")));
      assertThat(
              Pairs.value(
                  pair.target(),
                  "busy",
                  "SELECT count(*) FROM whimbrel.copy_piece WHERE done_at IS NOT NULL"))
          .isEqualTo("0");
      // Longer than the silence for which a line would be called dead: the piece would be lost.
      Poll.holdsFor(
          Standstill.BOTH_WAIT.plusSeconds(4),
          () ->
              !copying.isDone() && said.stream().noneMatch(line -> line.contains("trying again")));

      sleepers("pg_cancel_backend(pid)");
      assertThat(copying.get(60, TimeUnit.SECONDS).snapshotLost()).isFalse();
      assertThat(others).allSatisfy(other -> assertThat(other.get(10, TimeUnit.SECONDS)).isFalse());
    } finally {
      env.close();
    }
    assertThat(count("busy")).isEqualTo("40000");
  }

  @Test
  void saysBeforeWhenItCannotSeeWhatTheOthersDo() throws Exception {
    Move move = throttled(pair.database("unseen"), new ThrottleSpec(null, 1));
    pair.source().execute("unseen", "CREATE ROLE looker LOGIN");
    Findings seeing = new Findings();
    Findings blind = new Findings();
    try (Connection target = pair.target().connect("unseen");
        Connection superuser = pair.source().connect("unseen");
        Connection looker = pair.source().connect("unseen", "looker", null)) {
      Throttle.check(new Look(move, superuser, target), seeing);
      Throttle.check(new Look(move, looker, target), blind);
    }

    assertThat(seeing.gravestFirst()).isEmpty();
    assertThat(blind.gravestFirst())
        .extracting(finding -> finding.level() + " " + finding.line())
        .containsExactly(
            "WARNING looker: does not see whether sessions of others are at work on the source: neither"
                + " the copy nor the rounds of comparison would rest for them. Fix: GRANT pg_monitor TO looker;");
  }

  private static boolean sleeps(Connection connection) {
    try {
      return connection.createStatement().execute("SELECT pg_sleep(600)");
    } catch (java.sql.SQLException e) {
      return false; // it was cancelled, as the test wants it
    }
  }

  private static String sleepers(String what) throws Exception {
    return Pairs.value(
        pair.source(),
        "busy",
        "SELECT string_agg(%1$s::text, ' ') FROM (SELECT pid FROM pg_stat_activity WHERE query LIKE '%%pg_sleep(600)%%' AND state = 'active' AND pid <> pg_backend_pid()) s"
            .formatted(what)
            .replace("string_agg(count(*)::text, ' ')", "count(*)"));
  }

  private void together(int callers, CopyRequest request) {
    List<CompletableFuture<Void>> all =
        IntStream.range(0, callers)
            .mapToObj(i -> CompletableFuture.runAsync(() -> copy.copyPieces(request)))
            .toList();
    all.forEach(CompletableFuture::join);
  }

  /** Tables of five megabytes of rows, whose ranges several take at once. */
  private static Move filled(String name, int tables) throws Exception {
    Move move = pair.database(name);
    for (int i = 1; i <= tables; i++) {
      pair.source()
          .execute(
              name,
              "CREATE TABLE t%d AS SELECT n AS id, repeat('x', 500) AS text FROM generate_series(1, 10000) n"
                  .formatted(i),
              "ALTER TABLE t%d ADD PRIMARY KEY (id)".formatted(i));
    }
    new PostgresSchema(new Secrets()).createTables(move);
    return move;
  }

  /** What travels is more than the rows' text. */
  private static long textBytes(String database) throws Exception {
    return Long.parseLong(
        Pairs.value(
            pair.source(),
            database,
            "SELECT (SELECT sum(length(text)) FROM t1) + (SELECT sum(length(text)) FROM t2)"));
  }

  private static String count(String database) throws Exception {
    StringBuilder sql = new StringBuilder("SELECT (SELECT count(*) FROM t1)");
    int tables = database.equals("slow") ? 2 : 4;
    for (int i = 2; i <= tables; i++) {
      sql.append(" + (SELECT count(*) FROM t").append(i).append(")");
    }
    return Pairs.value(pair.target(), database, sql.toString());
  }

  private static Move throttled(Move move, ThrottleSpec throttle) {
    return new Move(
        move.migration(),
        move.source(),
        move.target(),
        move.connect(),
        move.leftBehind(),
        move.jobs(),
        move.maxLag(),
        throttle,
        null,
        null);
  }
}
