package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Side;
import io.temporal.failure.ApplicationFailure;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SamePositionTest {
  private static final String MONEY =
      "select count(*) || ' ' || sum(amount) || ' ' || (select sum(balance) from accounts) from moves";

  private final QueriedShop shop;

  SamePositionTest() throws Exception {
    shop = new QueriedShop(15, 18);
  }

  @AfterEach
  void rest() {
    shop.rest();
  }

  @AfterAll
  void stop() {
    shop.close();
  }

  @Test
  void seesTheSameOnBothSidesWhileTheSourceIsWritten() throws Exception {
    shop.write(4, Duration.ofMillis(10));

    seesTheSame(shop, 40);
  }

  @ParameterizedTest
  @CsvSource({"13, 13", "13, 18", "16, 18"})
  void seesTheSameBetweenVersions(int from, int to) throws Exception {
    try (QueriedShop versions = new QueriedShop(from, to)) {
      versions.write(2, Duration.ofMillis(10));

      seesTheSame(versions, 5);
    }
  }

  private static void seesTheSame(QueriedShop shop, int rounds) throws Exception {
    int exact = 0;
    String last = "";
    try (SamePosition position = shop.position()) {
      for (int i = 0; i < rounds; i++) {
        position.take();
        String source = Answers.text(position.source(), MONEY);
        String target = Answers.text(position.target(), MONEY);
        if (position.isExact()) {
          exact++;
          assertThat(target).as("round %d", i).isEqualTo(source);
        }
        assertThat(source).as("the source is written").isNotEqualTo(last);
        last = source;
      }
    }
    assertThat(exact).as("positions that are certain").isGreaterThan(rounds / 2);
    assertGone(shop);
  }

  @Test
  void noticesWhatWasCommittedBetweenSnapshotAndMarker() throws Exception {
    try (Connection session = shop.pair.source().connect("shop");
        Connection other = shop.pair.source().connect("shop")) {
      CommitsBetween commits =
          CommitsBetween.open(session, Stream.leaving(Side.SOURCE, new Names("shop")), "shop");
      assertThat(none(commits, other, "select 1")).isTrue();
      assertThat(none(commits, other, "insert into moves (amount) values (1)")).isFalse();
      assertThat(none(commits, other, "create table nobody_streams_this as select 1"))
          .as("nothing that the stream brings (13 and 14 name it all the same)")
          .isEqualTo(shop.pair.source().version() >= 15);
    }
  }

  private static boolean none(CommitsBetween commits, Connection other, String between)
      throws Exception {
    commits.begin();
    String snapshot = Answers.text(other, "select pg_current_snapshot()");
    try (var statement = other.createStatement()) {
      statement.execute(between);
      other.setAutoCommit(false);
      statement.execute(
          "insert into whimbrel.marker_forward (id, writer) values ('%s', 'test')"
              .formatted(UUID.randomUUID()));
      String marker = Answers.text(other, "select pg_current_xact_id()::xid");
      other.commit();
      other.setAutoCommit(true);
      commits.until(Answers.text(other, "select pg_current_wal_insert_lsn()"));
      return commits.none(snapshot, marker);
    }
  }

  @Test
  void holdsTheStreamUpForAMomentOnly() throws Exception {
    try (SamePosition position = shop.position()) {
      position.take();
      String behind = UUID.randomUUID().toString();
      shop.pair
          .source()
          .execute(
              "shop",
              "insert into whimbrel.marker_forward (id, writer) values ('" + behind + "', 'test')");

      Wait.until(
          "the stream goes on while the snapshots are held",
          Duration.ofSeconds(10),
          () ->
              shop.target(
                      "select count(*) from whimbrel.marker_forward where id = '" + behind + "'")
                  .equals("1"));
      assertThat(
              Answers.text(
                  position.target(),
                  "select count(*) from whimbrel.marker_forward where id = '" + behind + "'"))
          .isEqualTo("0");
    }
    assertGone(shop);
  }

  @Test
  void isLetGoByTheServerWhereItsWorkerIsFrozen() throws Exception {
    UUID marker = UUID.randomUUID();
    String insert =
        "insert into whimbrel.marker_forward (id, writer) values ('%s', 'frozen')"
            .formatted(marker);
    try (Connection frozen = shop.pair.target().connect("shop")) {
      SamePosition.prepare(frozen, HeldMarker.FROZEN);
      frozen.setAutoCommit(false);
      Verbatim.execute(frozen, insert);
      shop.pair.source().execute("shop", insert);

      Wait.until(
          "the marker is there",
          Duration.ofSeconds(5),
          () ->
              shop.target(
                      "select count(*) from whimbrel.marker_forward where id = '" + marker + "'")
                  .equals("1"));
      assertThatThrownBy(() -> Answers.text(frozen, "select 1")).isNotNull();
    }
  }

  @Test
  void refusesAStreamThatCommitsOfTheSourceWaitFor() throws Exception {
    for (String names : new String[] {"*", "whimbrel_shop_forward"}) {
      Standby.await(shop.pair.source(), names);
      try (SamePosition position = shop.position()) {
        assertThatThrownBy(position::take)
            .isInstanceOf(ApplicationFailure.class)
            .hasMessageContaining(
                "The stream whimbrel_shop_forward counts as a synchronous standby of the source (synchronous_standby_names = '%s')"
                    .formatted(names))
            .satisfies(
                e -> assertThat(((ApplicationFailure) e).getType()).isEqualTo(Failures.NEEDS_HELP));
        assertThat(
                shop.target(
                    "select count(*) from pg_locks where locktype = 'transactionid' and not granted"))
            .isEqualTo("0");
      } finally {
        Standby.await(shop.pair.source(), "");
      }
    }
  }

  @Test
  void saysThatTheStreamStandsStill() throws Exception {
    shop.pair.target().execute("shop", "alter subscription whimbrel_shop_forward disable");
    try (SamePosition position =
        SamePosition.open(
            QueriedShop.DATABASES,
            shop.move(),
            QuerySessions.of(QueriedShop.DATABASES, shop.move(), QuerySessions.LIMIT),
            Duration.ofSeconds(2))) {
      assertThatThrownBy(position::take)
          .isInstanceOf(ApplicationFailure.class)
          .hasMessageContaining(
              "A marker did not arrive on the target within 2 s: the stream whimbrel_shop_forward is behind, or stands still")
          .satisfies(
              e -> assertThat(((ApplicationFailure) e).getType()).isEqualTo(Failures.TRANSIENT));
    } finally {
      shop.pair.target().execute("shop", "alter subscription whimbrel_shop_forward enable");
    }
    assertGone(shop);
  }

  @Test
  void takesNobodyElseForTheStreamWhoWaitsForItsSession() throws Exception {
    shop.pair.target().execute("shop", "alter subscription whimbrel_shop_forward disable");
    CompletableFuture<Void> capture =
        CompletableFuture.runAsync(
            () -> {
              Wait.until(
                  "a marker's row is held",
                  Duration.ofSeconds(20),
                  () ->
                      shop.target(
                              "select count(*) from pg_locks l join pg_stat_activity a using (pid)"
                                  + " where l.locktype = 'transactionid' and a.application_name ~ 'queries$'")
                          .equals("1"));
              shop.pair
                  .target()
                  .execute("shop", "select pg_create_logical_replication_slot('cdc', 'pgoutput')");
            });
    try (SamePosition position =
        SamePosition.open(
            QueriedShop.DATABASES,
            shop.move(),
            QuerySessions.of(QueriedShop.DATABASES, shop.move(), QuerySessions.LIMIT),
            Duration.ofSeconds(5))) {
      assertThatThrownBy(position::take).hasMessageContaining("did not arrive");
    } finally {
      capture.get(30, TimeUnit.SECONDS);
      shop.pair.target().execute("shop", "select pg_drop_replication_slot('cdc')");
      shop.pair.target().execute("shop", "alter subscription whimbrel_shop_forward enable");
    }
  }

  @Test
  void endsTheSessionsOfAnEarlierAttempt() throws Exception {
    try (SamePosition earlier = shop.position();
        SamePosition later = shop.position()) {
      later.take();

      assertThatThrownBy(earlier::take).isNotNull();
      assertThat(
              shop.source("select count(*) from pg_replication_slots where slot_name ~ 'position'"))
          .isEqualTo("1");
    }
  }

  @Test
  void waitsForAnOpenTransactionLongerThanForALock() throws Exception {
    try (Connection open = shop.pair.source().connect("shop")) {
      open.setAutoCommit(false);
      Verbatim.execute(open, "insert into names values (4, 'd')");
      CompletableFuture<SamePosition> opening =
          CompletableFuture.supplyAsync(
              () -> {
                try {
                  return shop.position();
                } catch (SQLException e) {
                  throw new IllegalStateException(e);
                }
              });
      Wait.until(
          "it has waited for longer",
          Duration.ofSeconds(30),
          () ->
              shop.source(
                      "select count(*) from pg_stat_activity where application_name ~ 'queries$'"
                          + " and query ~ 'create_logical' and state = 'active'"
                          + " and clock_timestamp() - query_start > interval '5.5 s'")
                  .equals("1"));
      open.rollback();

      try (SamePosition position = opening.get(30, TimeUnit.SECONDS)) {
        position.take();
      }
    }
  }

  private static void assertGone(QueriedShop shop) {
    Wait.until(
        "no slot and no session is left",
        Duration.ofSeconds(30),
        () ->
            shop.source("select count(*) from pg_replication_slots where slot_name ~ 'position'")
                    .equals("0")
                && shop.source(
                        "select count(*) from pg_stat_activity where application_name ~ 'queries$'")
                    .equals("0")
                && shop.target(
                        "select count(*) from pg_stat_activity where application_name ~ 'queries$'")
                    .equals("0"));
  }
}
