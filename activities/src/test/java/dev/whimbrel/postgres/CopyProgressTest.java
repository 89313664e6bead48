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
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a copy says of itself in the middle of a table that is one piece. */
@Needs(Program.PG_DUMP)
class CopyProgressTest {
  private static final Duration LIMIT = Duration.ofSeconds(60);

  private final PostgresCopy copy = new PostgresCopy(new Secrets(), Pace.USUAL, Long.MAX_VALUE);
  private final List<String> said = new CopyOnWriteArrayList<>();

  @ParameterizedTest
  @CsvSource({
    "15, 16, '\\d+ KB in [\\d,]+ rows under way'",
    // PostgreSQL 13 does not count rows while it takes them.
    "13, 13, '\\d+ KB under way'"
  })
  void saysWhatIsUnderWay(int from, int to, String underWay) throws Exception {
    try (Pairs pair = Pairs.of(from, to)) {
      Move move = slow(pair.database("shop"));
      pair.source()
          .execute(
              "shop",
              "CREATE TABLE first (id int PRIMARY KEY)",
              "INSERT INTO first SELECT generate_series(1, 1500)",
              "CREATE TABLE large AS SELECT n AS id, repeat('x', 500) AS text FROM generate_series(1, 10000) n",
              "ALTER TABLE large ADD PRIMARY KEY (id)");
      new PostgresSchema(new Secrets()).createTables(move);
      copy.prepareCopy(move);
      try (Holder holder = new Holder(copy, new CopyRequest(move, 1))) {
        copy.openGeneration(holder.request);
        CompletableFuture<CopyShare> copying = copying(holder.request);

        await(
            "0 B of \\d+ KB copied in 0 rows, "
                + underWay
                + ", 0 of 2 tables, .*/s, rows for about \\d+ s more; rows of .*");
        copying.get(60, TimeUnit.SECONDS);
      }
      assertThat(copy.finishCopy(move).line()).startsWith("11,500 rows in 2 tables, ");
    }
  }

  @Test
  void saysWhatAFailureAndADeathHaveSentInVain() throws Exception {
    try (Pairs pair = Pairs.of(15, 16)) {
      Move move = slow(pair.database("shop"));
      pair.source()
          .execute(
              "shop",
              "CREATE TABLE large AS SELECT n AS id, repeat('x', 500) AS text FROM generate_series(1, 10000) n",
              "ALTER TABLE large ADD PRIMARY KEY (id)");
      new PostgresSchema(new Secrets()).createTables(move);
      copy.prepareCopy(move);
      String sent = "SELECT max(bytes) > 1000000 FROM whimbrel.copy_sent";
      try (Holder holder = new Holder(copy, new CopyRequest(move, 1))) {
        copy.openGeneration(holder.request);
        try (CopierProcess killed = new CopierProcess(holder.request)) {
          Wait.until("it is ready", LIMIT, () -> killed.lines().contains("READY"));
          killed.goOn();
          Wait.until("it has sent", LIMIT, () -> is(pair, sent));
          killed.kill();
        }
        CompletableFuture<CopyShare> copying = copying(holder.request);
        Wait.until("it has sent", LIMIT, () -> is(pair, sent + " HAVING count(*) = 2"));
        pair.target()
            .execute(
                "shop",
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'COPY public.large%'");
        copying.get(60, TimeUnit.SECONDS);
      }

      String line = copy.finishCopy(move).line();
      String inVain = "SELECT sum(bytes) - max(bytes) FROM whimbrel.copy_sent HAVING count(*) = 3";
      long bytes = Long.parseLong(Pairs.value(pair.target(), "shop", inVain));
      assertThat(bytes).isBetween(2_000_000L, 8_000_000L);
      assertThat(line).endsWith("; " + Size.words(bytes) + " copied twice");
    }
  }

  private static boolean is(Pairs pair, String sql) throws Exception {
    return Pairs.value(pair.target(), "shop", sql).equals("t");
  }

  private CompletableFuture<CopyShare> copying(CopyRequest request) {
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
    return CompletableFuture.supplyAsync(() -> activity.copyPieces(request))
        .whenComplete((share, failure) -> env.close());
  }

  private void await(String pattern) {
    try {
      Wait.until(
          "it says " + pattern,
          Duration.ofSeconds(60),
          () -> said.stream().anyMatch(line -> line.matches(pattern)));
    } catch (AssertionError e) {
      throw new AssertionError(e.getMessage() + "; it said " + said, e);
    }
  }

  /** One job that needs some seconds for five megabytes. */
  private static Move slow(Move move) {
    return new Move(
        move.migration(),
        move.source(),
        move.target(),
        move.connect(),
        move.leftBehind(),
        1,
        move.maxLag(),
        new ThrottleSpec("1MB/s", null),
        null,
        null);
  }
}
