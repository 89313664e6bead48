package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Closed;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A closing that opens by itself, on real servers: who is refused, and who leaves a row. */
@Needs(Program.PG_DUMP)
class ClosingTest {
  private static final String WRITE = "INSERT INTO entry (writer, n) VALUES (9, 9)";
  private static final Duration LONG_SILENT = Closing.LEASE.plusSeconds(1);

  private static Pairs pair;

  @BeforeAll
  static void start() {
    pair = Pairs.of(15, 16);
  }

  @AfterAll
  static void stop() {
    pair.close();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        WRITE,
        "UPDATE counter SET total = 0",
        "DELETE FROM archive WHERE id = 1",
        "TRUNCATE archive",
        "INSERT INTO event (day, writer, n) VALUES (1, 1, 1)",
        "INSERT INTO event_0 OVERRIDING SYSTEM VALUE VALUES (1, 1, 1, 1)",
        "INSERT INTO \"Übung x\" VALUES (1)",
        "COPY archive FROM PROGRAM 'printf \"90000\\tx\\n\"'",
        "SET session_replication_role = replica; " + WRITE,
        "SET session_replication_role = replica; TRUNCATE archive",
        "CREATE TABLE late (id int)",
        "CREATE TABLE late AS SELECT 1",
        "SET whimbrel.same_change = on; CREATE TABLE late (id int)",
        "ALTER TABLE archive DISABLE TRIGGER whimbrel_closing",
        "DROP TRIGGER whimbrel_closing ON archive",
        "WITH gone AS (DELETE FROM archive RETURNING id) SELECT count(*) FROM gone",
      })
  void refusesWhoeverWritesWhileItIsRenewedAndLetsHimThroughBehindIt(String write)
      throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared()) {
      Closed closed = shop.close(1);

      assertThat(closed.number()).isEqualTo(1);
      assertThatThrownBy(() -> shop.pair.source().execute(shop.name, write))
          .hasStackTraceContaining("this database is closed for writes while it is copied");
      assertThat(shop.onSource("SELECT count(*) FROM archive")).isEqualTo("20000");
      assertThat(shop.renews(1)).isTrue();

      shop.silentFor(LONG_SILENT);
      shop.pair.source().execute(shop.name, write);

      assertThat(shop.onSource("SELECT count(*) > 0 FROM whimbrel.passed")).isEqualTo("t");
      assertThat(shop.renews(1)).isFalse();
      assertThat(shop.state().holds()).isFalse();
    }
  }

  @Test
  void isClosedToARoleThatMayDoNothingInTheSchemaWhimbrel() throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared()) {
      shop.close(1);

      assertThatThrownBy(() -> shop.asApp(WRITE))
          .isInstanceOf(SQLException.class)
          .hasMessageContaining("cannot write to public.entry")
          .hasMessageContaining("at the latest");
      shop.silentFor(LONG_SILENT);
      shop.asApp(WRITE);

      assertThat(shop.state().by()).isEqualTo("app on public.entry");
      assertThatThrownBy(() -> shop.asApp("DELETE FROM whimbrel.passed"))
          .hasMessageContaining("permission denied");
    }
  }

  /** Clocks decide when writers are let through. */
  @ParameterizedTest
  @ValueSource(longs = {21, 3600, 86400, -21, -3600})
  void opensByItselfWhereTheClockHasJumped(long seconds) throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared()) {
      shop.close(1);
      shop.silentFor(Duration.ofSeconds(seconds));

      shop.asApp(WRITE);

      assertThat(shop.renews(1)).isFalse();
    }
  }

  @Test
  void opensByItselfWhenItHasLastedForAsLongAsItMay() throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared()) {
      shop.close(1);
      shop.pair
          .source()
          .execute(shop.name, "UPDATE whimbrel.closing SET at_most = clock_timestamp()");

      assertThat(shop.renews(1)).isFalse();
      shop.asApp(WRITE);
    }
  }

  /** Nobody has written: what was copied is what is there. */
  @Test
  void holdsAgainWhereNobodyRenewedItForLongAndNobodyWrote() throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared()) {
      shop.close(1);
      shop.silentFor(Duration.ofHours(1));
      try (Connection app = shop.app();
          Statement writer = app.createStatement()) {
        app.setAutoCommit(false);
        writer.execute(WRITE);
        app.rollback();
      }

      assertThat(shop.renews(1)).isTrue();
      assertThatThrownBy(() -> shop.asApp(WRITE)).hasMessageContaining("closed for writes");
      assertThat(shop.spent(1)).isTrue();
    }
  }

  /** A keeper that renews while a writer is being let through. */
  @Test
  void doesNotHoldBehindAWriterWhoWasLetThroughBeforeItWasRenewed() throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared()) {
      shop.close(1);
      shop.silentFor(LONG_SILENT);
      try (Connection app = shop.app();
          Statement writer = app.createStatement()) {
        app.setAutoCommit(false);
        writer.execute(WRITE);
        assertThat(shop.renews(1)).isTrue();
        assertThatThrownBy(() -> shop.asApp(WRITE)).hasMessageContaining("closed for writes");

        CompletableFuture<Boolean> handOver = CompletableFuture.supplyAsync(() -> shop.spent(1));
        Wait.until(
            "the hand-over waits for the writer",
            Duration.ofSeconds(10),
            () -> shop.onSource("SELECT count(*) FROM pg_locks WHERE NOT granted").equals("1"));
        assertThat(handOver).isNotDone();
        app.commit();

        assertThat(handOver.get(10, TimeUnit.SECONDS)).isFalse();
        shop.asApp(WRITE); // Renewed as it is: it is broken, and lets everybody through.
      }
      assertThat(shop.onSource("SELECT count(*) FROM entry WHERE writer = 9")).isEqualTo("2");
    }
  }

  @Test
  void letsOthersThroughWhileTheFirstWriterTakesHisTime() throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared()) {
      shop.close(1);
      shop.silentFor(LONG_SILENT);
      try (Connection slow = shop.app();
          Statement writer = slow.createStatement()) {
        slow.setAutoCommit(false);
        writer.execute(WRITE);

        shop.asApp("SET statement_timeout = '2s'; " + WRITE);

        slow.rollback();
      }
      assertThat(shop.spent(1)).isFalse();
    }
  }

  @Test
  void countsAWriterWhoTookBackASavepointAndWroteAgain() throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared()) {
      shop.close(1);
      shop.silentFor(LONG_SILENT);

      shop.asApp("BEGIN; SAVEPOINT s; " + WRITE + "; ROLLBACK TO s; " + WRITE + "; COMMIT");

      assertThat(shop.spent(1)).isFalse();
    }
  }

  @Test
  void closesNothingWhileSomebodyIsInTheMiddleOfAWriteAndNamesHim() throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared();
        Connection app = shop.app();
        Statement writer = app.createStatement()) {
      app.setAutoCommit(false);
      writer.execute("SET application_name = 'nightly'; " + WRITE);

      assertThatThrownBy(() -> shop.close(1))
          .hasMessageContaining("cannot be locked")
          .hasMessageContaining("nightly");
      shop.asApp(WRITE);
      app.commit();

      assertThat(shop.close(1).number()).isEqualTo(1);
      assertThatThrownBy(() -> shop.asApp(WRITE)).hasMessageContaining("closed for writes");
      assertThat(shop.onSource("SELECT count(*) FROM entry WHERE writer = 9")).isEqualTo("2");
    }
  }

  @Test
  void closesNothingWhileATransactionIsPrepared() throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared()) {
      shop.asApp("BEGIN; " + WRITE + "; PREPARE TRANSACTION 'kept'");

      assertThatThrownBy(() -> shop.close(1)).hasMessageContaining("prepared transaction kept");
      shop.asApp("COMMIT PREPARED 'kept'");

      assertThat(shop.close(1).number()).isEqualTo(1);
    }
  }

  @Test
  void isTheSameForAnAttemptThatComesAgainAndNothingForOneThatComesLate() throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared()) {
      Closed first = shop.close(1);
      Closed again = shop.close(1);
      shop.closing.openSource(shop.request(1));
      shop.asApp(WRITE);
      assertThatThrownBy(() -> shop.close(1)).hasMessageContaining("The source was opened");
      shop.close(2);

      assertThat(again).isEqualTo(first);
      assertThatThrownBy(() -> shop.close(1)).hasMessageContaining("was closed again since");
      assertThat(shop.renews(1)).isFalse();
      assertThat(shop.renews(2)).isTrue();
      assertThat(shop.spent(1)).isFalse();
      assertThat(shop.switchover.settle(shop.back()).handedOver()).isFalse();
      shop.asApp(WRITE);
      assertThatThrownBy(() -> shop.close(3)).hasMessageContaining("A newer decision exists");
      shop.asApp(WRITE);
    }
  }

  @Test
  void closesNothingWhereTheCatalogIsNoLongerTheOneThatWasPreparedFor() throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared()) {
      shop.pair.source().execute(shop.name, "ALTER TABLE archive ADD COLUMN more int");

      assertThatThrownBy(() -> shop.close(1)).hasMessageContaining("The catalog of the source");
      shop.asApp(WRITE);
    }
  }

  @Test
  void leavesNothingBehindWhenThePreparationIsTakenBack() throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared()) {
      shop.close(1);
      shop.switchover.settle(shop.back());
      shop.asApp(WRITE);
      shop.switchover.unprepareSwitchover(shop.move);

      assertThat(
              shop.onSource(
                  "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'whimbrel%' AND NOT tgisinternal"))
          .isEqualTo("0");
      assertThat(shop.onSource("SELECT to_regclass('whimbrel.closing') IS NULL")).isEqualTo("t");
      shop.asApp(WRITE);
    }
  }

  private static int number;

  private static String database() {
    return "closing" + ++number;
  }
}
