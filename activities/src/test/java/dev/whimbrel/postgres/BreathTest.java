package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.RoundsRequest;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.Verification;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.activity.VerifyRequest;
import dev.whimbrel.runbook.ThrottleSpec;
import dev.whimbrel.secrets.Secrets;
import io.temporal.activity.ActivityOptions;
import io.temporal.testing.TestActivityEnvironment;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** How much a comparison takes of the servers that it reads. */
class BreathTest {
  private static StreamedShop shop;

  @BeforeAll
  static void start() throws SQLException {
    shop = new StreamedShop(15, 16);
  }

  @AfterAll
  static void stop() {
    shop.close();
  }

  @Test
  void isAsLongAsTheWorkAndNeverLong() {
    Breath half = Breath.half(shop.move());

    assertThat(half.rest(Duration.ofMillis(700))).isEqualTo(Duration.ofMillis(700));
    assertThat(half.rest(Duration.ofHours(1))).isEqualTo(Duration.ofSeconds(5));
    assertThat(Breath.NONE.rest(Duration.ofHours(1))).isEqualTo(Duration.ZERO);
  }

  @Test
  void isReallyTaken() throws Exception {
    try (Pair pair = sides(shop.move()).open()) {
      long start = System.nanoTime();
      Breath.half(shop.move()).after(Duration.ofMillis(300), pair);

      assertThat(System.nanoTime() - start).isGreaterThanOrEqualTo(300_000_000L);
    }
  }

  /** Else a database of ten thousand small tables would be read without a rest. */
  @Test
  void isTakenBehindTheOnlyBlockOfATableToo() throws Exception {
    LiveSides sides = sides(shop.move());
    ComparedTable counters = table("counters", List.of("id", "hits"), List.of("id"));
    Counting counting = new Counting();
    try (Pair pair = sides.open();
        StreamPoint stream = sides.stream()) {
      List<KeyedComparison> walks = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        walks.add(
            new KeyedComparison(
                counters,
                RowHash.FAST,
                new Block.Range(null, null),
                pair,
                new SecondLook(stream),
                new Tally(Side.SOURCE),
                counting));
      }

      walks.get(0).ranges();
      walks.get(1).keys();
      walks.get(2).extraKeys();
    }
    assertThat(counting.works).hasSize(3).allMatch(work -> work.toNanos() > 0);
  }

  @Test
  void isTakenBehindEachRangeOfPagesOfATableWithoutAKey() throws Exception {
    LiveSides sides = sides(shop.move());
    ComparedTable log = table("log", List.of("at", "line"), List.of());
    Counting counting = new Counting();
    Crew alone =
        new Crew(
            1,
            sides,
            (subject, e) -> {
              throw e;
            });
    try (Pair pair = sides.open();
        StreamPoint stream = sides.stream()) {
      new KeylessComparison(log, RowHash.FAST, pair, alone, new Tally(Side.SOURCE), counting, 16)
          .run(stream);
    }
    assertThat(counting.works).hasSizeGreaterThan(2).allMatch(work -> work.toNanos() > 0);
  }

  private static ComparedTable table(String name, List<String> columns, List<String> key) {
    List<String> types = key.isEmpty() ? List.of() : List.of("pg_catalog.int4");
    return new ComparedTable(
        "public", name, columns, List.of(), List.of(), key, types, true, 1, false);
  }

  /** Keeps what it is told, and rests for nothing. */
  private static final class Counting extends Breath {
    private final List<Duration> works = new ArrayList<>();

    Counting() {
      super(false, Throttle.none());
    }

    @Override
    void after(Duration work, Pair pair) {
      works.add(work);
    }
  }

  /** Rounds wait; whoever is waited for does not. */
  @Test
  void lastsWhileOthersAreAtWorkOnTheSourceForRoundsAlone() throws Exception {
    Move move = throttled(new ThrottleSpec(null, 1));
    List<String> said = new CopyOnWriteArrayList<>();
    List<VerificationReport> found = new CopyOnWriteArrayList<>();
    TestActivityEnvironment environment = TestActivityEnvironment.newInstance();
    environment.setActivityHeartbeatListener(
        Progress.class,
        progress -> {
          said.add(progress.line());
          if (progress.verification() != null) {
            found.add(progress.verification());
            environment.requestCancelActivity();
          }
        });
    environment.registerActivitiesImplementations(new PostgresVerification(new Secrets(Map.of())));
    Verification worker =
        environment.newActivityStub(
            Verification.class,
            ActivityOptions.newBuilder()
                .setStartToCloseTimeout(Duration.ofMinutes(5))
                .setHeartbeatTimeout(Duration.ofSeconds(2))
                .build());
    try (Connection first = shop.source.connect("shop");
        Connection second = shop.source.connect("shop")) {
      List<CompletableFuture<Boolean>> others =
          List.of(
              CompletableFuture.supplyAsync(() -> sleeps(first)),
              CompletableFuture.supplyAsync(() -> sleeps(second)));
      Wait.until("both are at work", Duration.ofSeconds(30), () -> sleepers().equals("2"));

      CompletableFuture<VerificationReport> rounds =
          CompletableFuture.supplyAsync(
              () ->
                  worker.keepVerifying(
                      new RoundsRequest(
                          new VerifyRequest(move, Side.SOURCE, "fast"), Duration.ofMillis(50))));
      Wait.until(
          "the round rests; it said " + said,
          Duration.ofSeconds(30),
          () ->
              said.stream()
                  .anyMatch(
                      line ->
                          line.matches(
                              "comparing in the background: .* so far; resting: 2 sessions of others are at work on the source, 1 allowed")));
      PostgresVerification verification =
          new PostgresVerification(new Secrets(Map.of()), progress -> {});
      VerificationReport asked =
          CompletableFuture.supplyAsync(() -> verification.verify(request(move)))
              .get(60, TimeUnit.SECONDS);
      Poll.holdsFor(Duration.ofSeconds(3), () -> !rounds.isDone() && found.isEmpty());
      shop.source.execute(
          "postgres",
          "select pg_cancel_backend(pid) from pg_stat_activity where query like '%pg_sleep(600)%' and pid <> pg_backend_pid()");
      VerificationReport report = rounds.get(60, TimeUnit.SECONDS);

      assertThat(asked.differences()).isZero();
      assertThat(asked.tables()).isEqualTo(7);
      assertThat(report.tables()).isEqualTo(7);
      assertThat(report.findings()).isEmpty();
      assertThat(others).allSatisfy(one -> assertThat(one.get(10, TimeUnit.SECONDS)).isFalse());
    } finally {
      environment.close();
    }
  }

  @Test
  void leavesNoStatementBehindThatRunsForLong() throws Exception {
    try (Pair pair = sides(shop.move()).open()) {
      for (Connection session : List.of(pair.truth(), pair.follower())) {
        assertThat(setting(session, "statement_timeout")).isEqualTo("5min");
        assertThat(setting(session, "lock_timeout")).isEqualTo("5s");
        assertThat(setting(session, "default_transaction_read_only")).isEqualTo("on");
      }
    }
  }

  /** What a server cannot say in time is told as not compared, and the rest is compared. */
  @Test
  void tellsWhatAServerDidNotSayInTime() throws Exception {
    LiveSides hasty =
        new LiveSides(new Databases(new Secrets(Map.of())), request(shop.move())) {
          @Override
          public Pair open() throws SQLException {
            Pair pair = super.open();
            for (Connection session : List.of(pair.truth(), pair.follower())) {
              try (Statement statement = session.createStatement()) {
                statement.execute("set statement_timeout = '3s'");
              }
            }
            return pair;
          }
        };
    try (Connection holder = shop.target.connect("shop");
        Statement statement = holder.createStatement()) {
      holder.setAutoCommit(false);
      statement.execute("lock table counters in access exclusive mode");

      VerificationReport report =
          new Comparison(hasty, "fast", Breath.NONE, Cuts.USUAL, 2).run(progress -> {});

      assertThat(report.notCompared())
          .contains("public.counters: ERROR: canceling statement due to statement timeout");
      assertThat(report.findings()).isEmpty();
      assertThat(report.tables()).isEqualTo(6);
      holder.rollback();
    }
  }

  private static String setting(Connection session, String name) throws SQLException {
    try (Statement statement = session.createStatement();
        var row = statement.executeQuery("show " + name)) {
      row.next();
      return row.getString(1);
    }
  }

  private static LiveSides sides(Move move) {
    return new LiveSides(new Databases(new Secrets(Map.of())), request(move));
  }

  private static VerifyRequest request(Move move) {
    return new VerifyRequest(move, Side.SOURCE, "fast");
  }

  private static boolean sleeps(Connection connection) {
    try (Statement statement = connection.createStatement()) {
      return statement.execute("select pg_sleep(600)");
    } catch (SQLException e) {
      return false; // it was cancelled, as the test wants it
    }
  }

  private static String sleepers() throws SQLException {
    return Pairs.value(
        shop.source,
        "shop",
        "select count(*) from pg_stat_activity where query like '%pg_sleep(600)%' and state = 'active' and pid <> pg_backend_pid()");
  }

  private static Move throttled(ThrottleSpec throttle) {
    Move move = shop.move();
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
