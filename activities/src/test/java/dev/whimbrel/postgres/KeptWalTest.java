package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.WalReport;
import dev.whimbrel.activity.WalReport.What;
import dev.whimbrel.activity.WalRequest;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.runbook.WalSpec;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.PostgresServer;
import dev.whimbrel.servers.Program;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The log that slots keep, on real servers. */
@Needs(Program.PG_DUMP)
class KeptWalTest {
  private static final String LIMIT = "64MB";
  private static Pairs pair;

  @BeforeAll
  static void start() {
    pair = Pairs.of(15, 18);
  }

  @AfterAll
  static void stop() {
    pair.close();
  }

  @Test
  void dropsTheCopysSlotAtTheLimitAndLetsNobodyMakeAnother() throws Exception {
    Move move = limited(pair.database("copied"), LIMIT, "release");
    PostgresCopy copy = new PostgresCopy(new Secrets(), Pace.USUAL);
    pair.source().execute("copied", "CREATE TABLE t (id int PRIMARY KEY)");
    new PostgresSchema(new Secrets()).createTables(move);
    copy.prepareCopy(move);
    WalReport report;
    try (Holder holder = new Holder(copy, new CopyRequest(move, 1))) {
      copy.openGeneration(holder.request);
      try (WatchedWal watch = new WatchedWal(request(move))) {
        watch.awaitLine("\\d+ (B|KB|MB) of WAL kept on the source for the slots, limit 64 MB");
        write(pair.source(), "copied", 56);
        watch.awaitWarning(
            "the slots keep \\d+ MB of WAL on the source, [89]\\d % of the limit of 64 MB \\(as the runbook says\\), .*;"
                + " at the limit they are dropped: the copy is lost, and the migration goes back");
        write(pair.source(), "copied", 10);
        report = watch.report();
      }
    }
    WalReport again;
    try (WatchedWal late = new WatchedWal(request(move))) {
      again = late.report();
    }

    assertThat(report.side()).isEqualTo(Side.SOURCE);
    assertThat(report.what()).isEqualTo(What.RELEASED);
    assertThat(report.line())
        .matches(
            "the slots kept \\d+ MB of WAL on the source, limit 64 MB \\(as the runbook says\\), and were"
                + " dropped so that its disk does not fill; the copy is lost with them");
    assertThat(again).isEqualTo(report);
    assertThat(slots(pair.source(), "copied")).isEmpty();
    assertThatThrownBy(() -> copy.keepGeneration(new CopyRequest(move, 2)))
        .hasMessageContaining("No slot is made for copied any more: " + report.line());
    assertThatThrownBy(() -> new PostgresReplication(new Secrets()).subscribe(move))
        .hasMessageContaining("No slot is made for copied any more: " + report.line());
    pair.claim(move);
    assertThat(released("copied")).isEqualTo("f");
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void dropsEachSlotInUseWhileTheStreamStandsStill(int streams) throws Exception {
    try (World world = new World(pair, streams);
        Connection holdUp = world.connect(Side.TARGET)) {
      holdUp.setAutoCommit(false);
      holdUp.createStatement().execute("LOCK TABLE entry IN ACCESS EXCLUSIVE MODE");
      pair.source().execute(world.name(), "INSERT INTO entry (writer, n) VALUES (1, 1)");
      awaitActive(pair.source(), world.name());
      Move move = limited(world.move(), LIMIT, null);
      try (WatchedWal watch = new WatchedWal(request(move))) {
        write(pair.source(), world.name(), 70);

        assertThat(watch.report().what()).isEqualTo(What.RELEASED);
        assertThat(watch.report().line()).contains("limit 64 MB (as the runbook says)");
      }
      assertThat(slots(pair.source(), world.name())).isEmpty();
      assertThat(
              Pairs.value(
                  pair.target(),
                  world.name(),
                  "SELECT bool_or(subenabled) FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE datname = current_database()"))
          .isEqualTo("f");
    }
  }

  @Test
  void givesTheWayBackUpSoThatTheTargetKeepsRunning() throws Exception {
    try (World world = new World(pair).prepared()) {
      world.switchover().handOver(world.to(Side.TARGET));
      standStill(world);
      Move move = limited(world.move(), LIMIT, null);
      WalReport report;
      try (WatchedWal watch = new WatchedWal(request(move))) {
        write(pair.target(), world.name(), 56);
        watch.awaitWarning(
            ".* on the target, .*; at the limit they are dropped: THE WAY BACK IS LOST");
        write(pair.target(), world.name(), 10);
        report = watch.report();
      }

      assertThat(report.side()).isEqualTo(Side.TARGET);
      assertThat(report.line())
          .startsWith("THE WAY BACK IS LOST: the slots kept ")
          .endsWith("; writes stay on the target");
      assertThat(slots(pair.target(), world.name())).isEmpty();
      assertThat(
              Pairs.value(
                  pair.source(),
                  world.name(),
                  "SELECT count(*) FROM pg_subscription s JOIN pg_database d ON d.oid = subdbid WHERE datname = current_database()"))
          .isEqualTo("0");
      pair.target().execute(world.name(), "INSERT INTO entry (writer, n) VALUES (9, 9)");
      assertThatThrownBy(() -> world.switchover().settle(world.to(Side.SOURCE)))
          .hasMessageContaining("There is no stream to the source any more: " + report.line());
      assertThat(new WayBackWatch(new Databases(new Secrets()), move, Pace.USUAL).look().line())
          .isEqualTo("there is no way back to watch");
      try (WatchedWal goesOn = new WatchedWal(new WalRequest(move, false, List.of(), true))) {
        goesOn.awaitLine("(no slot keeps WAL|.* on the source for the slots, .*)");
      }
    }
  }

  @Test
  void keepsNothingForTheBeginningOfAWayBackThatRuns() throws Exception {
    try (World world = new World(pair).prepared()) {
      world.switchover().handOver(world.to(Side.TARGET));
      WayBackWatch watch = new WayBackWatch(new Databases(new Secrets()), world.move(), Pace.USUAL);
      String early = watch.look().line();
      assertThat(slots(pair.target(), world.name())).as(early).contains("base", "live");
      pair.target()
          .execute(
              world.name(),
              "UPDATE whimbrel.authority SET changed_at = changed_at - interval '2 minutes'");

      String late =
          new WayBackWatch(new Databases(new Secrets()), world.move(), Pace.USUAL).look().line();

      assertThat(late).startsWith("the way back runs");
      assertThat(slots(pair.target(), world.name())).contains("live").doesNotContain("base");
      HandOver back = world.switchover().settle(world.to(Side.SOURCE));
      assertThat(back.writesGoTo()).isEqualTo(Side.SOURCE);
    }
  }

  /** Nothing of production is at stake there, and a rehearsal would find no slot. */
  @Test
  void asksWhereTheOtherSideTakesTheWrites() throws Exception {
    try (World world = new World(pair).prepared()) {
      Move move = limited(world.move(), LIMIT, "release");
      write(pair.target(), world.name(), 70);
      try (WatchedWal watch = new WatchedWal(request(move))) {
        WalReport report = watch.report();

        assertThat(report.what()).as(report.line()).isEqualTo(What.ASK);
        assertThat(report.line())
            .matches(
                "the slots keep \\d+ MB of WAL on the target, 1\\d\\d % of the limit of 64 MB .*");
      }
      assertThat(slots(pair.target(), world.name())).contains("base");
      try (WatchedWal accepted =
          new WatchedWal(new WalRequest(move, false, List.of(Side.TARGET), false))) {
        accepted.awaitWarning("THE LIMIT IS PASSED: .*; nobody is asked about it any more");
        assertThat(accepted.ended()).isFalse();
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "ask, a person is asked",
    "warn, nothing is done about it (replicate.wal.then: warn)"
  })
  void dropsNothingWhereTheRunbookSaysSo(String then, String consequence) throws Exception {
    try (World world = new World(pair)) {
      pair.target()
          .execute(
              world.name(),
              "ALTER SUBSCRIPTION " + new Names(world.name()).forwardSubscription() + " DISABLE");
      Move move = limited(world.move(), LIMIT, then);
      write(pair.source(), world.name(), 70);
      WalRequest request = new WalRequest(move, then.equals("ask"), List.of(), false);
      try (WatchedWal watch = new WatchedWal(request)) {
        watch.awaitWarning(
            "THE LIMIT IS PASSED: the slots keep \\d+ MB of WAL on the source, .*; "
                + consequence.replace("(", "\\(").replace(")", "\\)"));
        assertThat(watch.ended()).isFalse();
        assertThat(slots(pair.source(), world.name())).contains("forward");
        if (then.equals("ask")) {
          pair.target()
              .execute(
                  world.name(),
                  "ALTER SUBSCRIPTION "
                      + new Names(world.name()).forwardSubscription()
                      + " ENABLE");
          advance(world);
          assertThat(watch.report().what()).isEqualTo(What.RELIEVED);
        }
      }
    }
  }

  @Test
  void leavesASwitchoverThatIsAtWorkAlone() throws Exception {
    try (World world = new World(pair)) {
      pair.target()
          .execute(
              world.name(),
              "ALTER SUBSCRIPTION " + new Names(world.name()).forwardSubscription() + " DISABLE");
      Move move = limited(world.move(), LIMIT, "release");
      write(pair.source(), world.name(), 70);
      try (Connection switchover = world.connect(Side.SOURCE)) {
        switchover.createStatement().execute("SELECT pg_advisory_lock(" + Sessions.KEY + ")");
        try (WatchedWal watch = new WatchedWal(request(move))) {
          watch.awaitWarning(".*; the slots are dropped, behind a switchover where one is at work");
          Poll.holdsFor(Duration.ofSeconds(1), () -> !watch.ended());
          assertThat(slots(pair.source(), world.name())).contains("forward");

          switchover.createStatement().execute("SELECT pg_advisory_unlock_all()");
          assertThat(watch.report().what()).isEqualTo(What.RELEASED);
        }
      }
    }
  }

  @Test
  void derivesTheLimitFromWhatTheRunbookSays() throws Exception {
    Move move = pair.database("limits");
    PostgresSpec plain = move.source();
    try (Connection source = pair.source().connect("limits")) {
      WalLimit guess = WalLimit.of(move, Side.SOURCE, source);
      WalLimit bought =
          WalLimit.of(
              stored(move, new PostgresSpec(plain.url(), null, null, "100GB")),
              Side.SOURCE,
              source);
      WalLimit wrong =
          WalLimit.of(
              stored(move, new PostgresSpec(plain.url(), null, null, "1MB")), Side.SOURCE, source);

      assertThat(guess.words()).isEqualTo("10 GB (a guess: the runbook says nothing of its disk)");
      assertThat(guess.then()).isEqualTo(WalLimit.Then.ASK);
      assertThat(bought.words())
          .isEqualTo("49 GB (half of what storage 100GB leaves beside the databases)");
      assertThat(bought.then()).isEqualTo(WalLimit.Then.RELEASE);
      assertThat(wrong.because()).isEqualTo("a guess: the databases are larger than storage 1MB");
      assertThat(bought.orOf(1L << 30).words())
          .isEqualTo(
              "1024 MB (max_slot_wal_keep_size, at which the server drops the slot by itself)");
      assertThat(bought.orOf(1L << 30).then()).isEqualTo(WalLimit.Then.ASK);
      assertThat(bought.orOf(1L << 40)).isEqualTo(bought);
      assertThat(Size.parse("9999999TB")).isEqualTo(Long.MAX_VALUE);
    }
  }

  private static WalRequest request(Move move) {
    return new WalRequest(move, false, List.of(), false);
  }

  private static Move limited(Move move, String limit, @Nullable String then) {
    return new Move(
            move.migration(),
            move.source(),
            move.target(),
            move.connect(),
            move.leftBehind(),
            move.jobs(),
            move.maxLag(),
            null,
            new WalSpec(limit, then),
            null)
        .sharedBy(move.streams());
  }

  private static Move stored(Move move, PostgresSpec source) {
    return new Move(
        move.migration(),
        source,
        move.target(),
        move.connect(),
        move.leftBehind(),
        move.jobs(),
        move.maxLag());
  }

  /** So much log that no stream carries. */
  private static void write(PostgresServer server, String database, int megabytes) {
    server.execute(
        database,
        "SELECT count(pg_logical_emit_message(false, 'test', repeat('x', 1048576)))"
            + " FROM generate_series(1, "
            + megabytes
            + ")");
  }

  /** Nobody reads what the target writes. */
  private static void standStill(World world) {
    pair.source()
        .execute(
            world.name(),
            "ALTER SUBSCRIPTION " + new Names(world.name()).reverseSubscription() + " DISABLE");
  }

  /** Lets the stream's slot come forward: it does so behind a record of running transactions. */
  private static void advance(World world) {
    Wait.until(
        "the slot comes forward",
        Duration.ofSeconds(60),
        () -> {
          pair.source().execute(world.name(), "CHECKPOINT");
          world.awaitArrival(Side.SOURCE);
          return Pairs.value(
                  pair.source(),
                  world.name(),
                  "SELECT max(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)) < 10e6 FROM pg_replication_slots WHERE database = current_database()")
              .equals("t");
        });
  }

  private static void awaitActive(PostgresServer server, String database) {
    Wait.until(
        "the stream's slot is in use",
        Duration.ofSeconds(30),
        () ->
            Pairs.value(
                    server,
                    database,
                    "SELECT bool_and(active) FROM pg_replication_slots WHERE database = current_database()")
                .equals("t"));
  }

  private static String slots(PostgresServer server, String database) throws Exception {
    return Pairs.value(
        server,
        database,
        "SELECT coalesce(string_agg(slot_name, ' '), '') FROM pg_replication_slots WHERE database = current_database()");
  }

  private static String released(String database) throws Exception {
    return Pairs.value(
        pair.source(), database, "SELECT to_regclass('whimbrel.released') IS NOT NULL");
  }
}
