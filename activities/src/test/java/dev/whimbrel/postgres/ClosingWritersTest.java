package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Writers of every isolation level against closings, renewals and ends: nobody writes behind a
 * closing that can still be handed over.
 */
@Needs(Program.PG_DUMP)
class ClosingWritersTest {
  private static final String WRITE = "INSERT INTO entry (writer, n) VALUES (9, 9)";
  private static final Duration LONG_SILENT = Closing.LEASE.plusSeconds(1);

  private static Pairs pair;
  private static int number;

  @BeforeAll
  static void start() {
    pair = Pairs.of(15, 16);
  }

  @AfterAll
  static void stop() {
    pair.close();
  }

  /**
   * What happens before a writer's snapshot, and between it and his write; and how he fares where
   * he sees the present, and where he sees his snapshot. c closes, s is a silence of the keeper, r
   * a renewal, w a writer who was let through, e ends and o opens.
   */
  private static final String[][] COURSES = {
    {"c", "", "25006", "25006"},
    {"c", "s", "written", "25006"},
    {"cs", "", "written", "written"},
    {"cs", "r", "25006", "40001"},
    {"cs", "rs", "written", "40001"},
    {"cs", "w", "written", "written"},
    {"csw", "", "written", "written"},
    {"csw", "r", "written", "written"},
    {"c", "e", "written", "25006"},
    {"cs", "e", "written", "40001"},
    {"ce", "", "written", "written"},
    {"cse", "", "written", "written"},
    {"cswe", "", "written", "written"},
    {"cs", "c", "25006", "40001"},
    {"csw", "c", "25006", "40001"},
    {"ce", "c", "25006", "40001"},
    {"ce", "cs", "written", "40001"},
    {"cs", "ec", "25006", "40001"},
    {"cs", "ecs", "written", "40001"},
    {"csw", "ecsr", "25006", "40001"},
    {"co", "c", "25006", "40001"},
    {"cswo", "cs", "written", "40001"},
    {"cswo", "cse", "written", "40001"},
    {"cswo", "", "written", "written"},
  };

  @ParameterizedTest
  @ValueSource(strings = {"READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"})
  void neverLetsAWriterThroughWithoutARowWhileTheLastClosingCanStillBeHandedOver(String level)
      throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared();
        Connection app = shop.app();
        Statement writer = app.createStatement()) {
      Course course = new Course(shop);
      for (String[] each : COURSES) {
        for (String write :
            List.of(
                WRITE,
                "SAVEPOINT a; " + WRITE + "; ROLLBACK TO a; " + WRITE,
                "SAVEPOINT a; " + WRITE + "; RELEASE a; " + WRITE)) {
          course.run(each[0]);
          writer.execute("BEGIN ISOLATION LEVEL " + level + "; SELECT count(*) FROM pg_class");
          course.run(each[1]);
          String end = "written";
          try {
            writer.execute(write + "; COMMIT");
          } catch (SQLException e) {
            end = e.getSQLState();
            writer.execute("ROLLBACK");
          }

          String what = level + ": " + each[0] + " | " + each[1] + " | " + write;
          assertThat(end).as(what).isEqualTo(each[level.startsWith("READ") ? 2 : 3]);
          if (end.equals("written")) {
            assertThat(shop.renews(course.closing)).as(what).isFalse();
            assertThat(shop.spent(course.closing)).as(what).isFalse();
          }
        }
      }
    }
  }

  /** What happens to a source, one letter each. */
  private static final class Course {
    private final ClosedShop shop;
    private int closing;

    Course(ClosedShop shop) {
      this.shop = shop;
    }

    void run(String letters) throws Exception {
      for (int i = 0; i < letters.length(); i++) {
        switch (letters.charAt(i)) {
          case 'c' -> shop.close(++closing);
          case 's' -> shop.silentFor(LONG_SILENT);
          case 'r' -> shop.renews(closing);
          case 'w' -> shop.asApp("DELETE FROM counter WHERE false");
          case 'e' -> shop.ends(closing);
          case 'o' -> shop.closing.openSource(shop.request(closing));
          default -> throw new IllegalArgumentException(letters);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"REPEATABLE READ", "SERIALIZABLE"})
  void refusesATransactionThatSawTheDatabaseBeforeItWasEverClosed(String level) throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared();
        Connection app = shop.app();
        Statement writer = app.createStatement()) {
      writer.execute("BEGIN ISOLATION LEVEL " + level + "; SELECT count(*) FROM pg_class");

      shop.close(1);

      assertRefused(() -> writer.execute(WRITE), "40001");
      writer.execute("ROLLBACK");
      assertRefused(() -> writer.execute("BEGIN ISOLATION LEVEL " + level + "; " + WRITE), "25006");
    }
  }

  private static void assertRefused(ThrowingCallable write, String state) {
    assertThatThrownBy(write)
        .isInstanceOfSatisfying(
            SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo(state));
  }

  /** Behind a dead engine writes are given back to whoever has two of them at a time, too. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void letsTwoSerializableWritersThroughWhoWriteToTwoTables(boolean ended) throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared();
        Connection one = shop.app();
        Connection two = shop.app()) {
      shop.close(1);
      shop.silentFor(LONG_SILENT);
      if (ended) {
        shop.ends(1);
      }
      for (Connection each : List.of(one, two)) {
        each.setAutoCommit(false);
        each.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
      }

      one.createStatement().execute(WRITE);
      two.createStatement().execute("DELETE FROM archive WHERE id = 1");
      one.createStatement().execute("DELETE FROM counter WHERE false");
      two.createStatement().execute("DELETE FROM event WHERE false");
      one.commit();
      two.commit();

      assertThat(shop.spent(1)).isFalse();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"})
  void isRenewedAndEndedAtOnceBesideAWriterWhoTakesHisTime(String level) throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared();
        Connection app = shop.app();
        Connection source = pair.source().connect(shop.name);
        Statement writer = app.createStatement()) {
      shop.close(1);
      shop.silentFor(LONG_SILENT);
      writer.execute("BEGIN ISOLATION LEVEL " + level + "; " + WRITE);
      source.createStatement().execute("SET statement_timeout = '1s'");

      assertThat(Closing.renew(source, 1)).isTrue();
      assertThat(Closing.end(source, 1, "a test")).isTrue();

      writer.execute("COMMIT");
      assertThat(shop.spent(1)).isFalse();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"})
  void collectsNoRowsBehindTheEndOfAClosingWhoseTriggersStayed(String level) throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared()) {
      shop.close(1);
      shop.ends(1);

      for (int i = 0; i < 3; i++) {
        shop.asApp("BEGIN ISOLATION LEVEL " + level + "; " + WRITE + "; COMMIT");
      }

      assertThat(shop.onSource("SELECT count(*) FROM whimbrel.passed")).isEqualTo("0");
    }
  }

  /**
   * A night of REPEATABLE READ writers behind a dead engine, and perhaps a backup that reads it.
   */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void closesAgainWithinItsBudgetWhereMillionsWereLetThrough(boolean read) throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared();
        Connection backup = pair.source().connect(shop.name)) {
      shop.close(1);
      pair.source()
          .execute(
              shop.name,
              "INSERT INTO whimbrel.passed SELECT clock_timestamp(), 'app', 'public.entry' FROM generate_series(1, 3000000)");
      if (read) {
        backup.setAutoCommit(false);
        backup.createStatement().execute("LOCK TABLE whimbrel.passed IN ACCESS SHARE MODE");
      }

      shop.closing.closeSource(shop.hasty(2, Duration.ofSeconds(read ? 5 : 1)));

      assertThat(shop.onSource("SELECT count(*) FROM whimbrel.passed")).isEqualTo("0");
      assertThat(shop.spent(2)).isTrue();
      assertThatThrownBy(() -> shop.asApp(WRITE)).hasMessageContaining("closed for writes");
    }
  }

  private static String database() {
    return "writers" + ++number;
  }
}
