package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Outcome;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import java.sql.Connection;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Whoever takes the triggers of a closing away, late or without asking. */
@Needs(Program.PG_DUMP)
class ClosingOpenerTest {
  private static final String WRITE = "INSERT INTO entry (writer, n) VALUES (9, 9)";
  private static final Duration LIMIT = Duration.ofSeconds(20);

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
   * An attempt that stood still there, without a dead man's switch, until behind the next closing.
   */
  @ParameterizedTest
  @CsvSource({
    "end, true",
    "list, true",
    "public.entry, true",
    "public.archive, true",
    "whimbrel.ddl, true",
    "end, false",
    "list, false",
    "public.entry, false",
    "public.archive, false",
    "whimbrel.ddl, false",
  })
  void changesNothingOfALaterClosingWhenItWakesUpBefore(String point, boolean guarded)
      throws Exception {
    CountDownLatch there = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    AtomicBoolean once = new AtomicBoolean();
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared();
        Connection late = pair.source().connect(shop.name)) {
      if (!guarded) {
        shop.withoutEventTriggers();
      }
      shop.close(1);
      SourceOpener opener =
          new SourceOpener(
              1,
              before -> {
                if (before.equals(point) && once.compareAndSet(false, true)) {
                  there.countDown();
                  await(goOn);
                }
              });
      CompletableFuture<Outcome> opening = CompletableFuture.supplyAsync(() -> open(opener, late));
      assertThat(there.await(20, TimeUnit.SECONDS)).isTrue();
      shop.closing.openSource(shop.request(1));
      shop.asApp(WRITE);
      shop.close(2);

      goOn.countDown();
      opening.get(20, TimeUnit.SECONDS);

      assertThatThrownBy(() -> shop.asApp(WRITE)).hasMessageContaining("closed for writes");
      assertThatThrownBy(() -> shop.asApp("TRUNCATE archive"))
          .hasMessageContaining("closed for writes");
      try (Connection source = pair.source().connect(shop.name)) {
        assertThat(Closing.uncovered(source)).isEmpty();
      }
      assertThat(shop.renews(2)).isTrue();
      assertThat(shop.spent(2)).isTrue();
    }
  }

  /** The triggers are on, and somebody could have written in between. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "ALTER TABLE archive DISABLE TRIGGER USER; DELETE FROM archive WHERE id = 7; ALTER TABLE archive ENABLE TRIGGER USER",
        "ALTER TABLE archive DISABLE TRIGGER whimbrel_closing; DELETE FROM archive WHERE id = 7; ALTER TABLE archive ENABLE TRIGGER whimbrel_closing",
        "ALTER TABLE archive DISABLE TRIGGER whimbrel_closing_truncate; TRUNCATE archive; ALTER TABLE archive ENABLE TRIGGER whimbrel_closing_truncate",
        "ALTER TABLE whimbrel.ddl DISABLE TRIGGER whimbrel_closing",
        "DROP TRIGGER whimbrel_closing ON event_0",
        "CREATE TABLE late (id int)",
        "ALTER TABLE archive ALTER COLUMN text TYPE text USING 'later'",
      })
  void findsThatSomebodyCouldWriteWhoSwitchedItsTriggersOff(String how) throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared().withoutEventTriggers();
        Pulse pulse = new Pulse("a test")) {
      shop.close(1);
      ClosingKeeper keeper =
          new ClosingKeeper(new Databases(new Secrets()), shop.request(1), () -> true);
      assertThat(shop.spent(1)).isTrue();
      pair.source().execute(shop.name, how);

      assertThat(shop.renews(1)).isTrue();
      assertThat(shop.spent(1)).isFalse();
      assertThatThrownBy(() -> keeper.keep(pulse))
          .hasMessageMatching(
              "(?s).*Somebody has (switched off or dropped the triggers|rewritten).*");
      assertThatThrownBy(() -> shop.close(1))
          .hasMessageMatching("(?s).*(Somebody has|no fence on).*");

      shop.closing.openSource(shop.request(1));
      shop.asApp(WRITE);
    }
  }

  /** Where DDL is guarded, a rewrite changes no row. */
  @Test
  void holdsWhereATableWasOnlyPackedAndNobodyCouldHaveChangedItsRows() throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared()) {
      shop.close(1);
      pair.source().execute(shop.name, "VACUUM FULL archive");

      assertThatThrownBy(
              () ->
                  pair.source()
                      .execute(
                          shop.name,
                          "ALTER TABLE archive ALTER COLUMN text TYPE text USING 'later'"))
          .hasStackTraceContaining("closed for writes while it is copied");
      assertThat(shop.spent(1)).isTrue();
      assertThat(shop.close(1).number()).isEqualTo(1);
    }
  }

  /** The database's own settings are nobody's concern who opens it. */
  @Test
  void opensADatabaseWhoseTransactionsAreReadOnlyAndSerializableByDefault() throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared()) {
      shop.close(1);
      pair.source()
          .execute(
              shop.name,
              "ALTER DATABASE %1$s SET default_transaction_read_only = on; ALTER DATABASE %1$s SET default_transaction_isolation = 'serializable'"
                  .formatted(shop.name));

      assertThat(shop.closing.openSource(shop.request(1)).line())
          .isEqualTo("the source takes writes again");

      shop.asApp("BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE; " + WRITE + "; COMMIT");
      assertThat(enabled(shop)).isEqualTo("0");
    }
  }

  @Test
  void opensOtherTablesWhereOneIsBusyAndNamesIt() throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared();
        Connection busy = pair.source().connect(shop.name)) {
      shop.close(1);
      busy.setAutoCommit(false);
      busy.createStatement().execute("LOCK TABLE entry IN ROW EXCLUSIVE MODE");

      assertThatThrownBy(() -> shop.closing.openSource(shop.request(1)))
          .hasMessageContaining("The source takes writes")
          .hasMessageContaining("public.entry");
      assertThat(enabled(shop)).isEqualTo("2");
      busy.rollback();
      shop.closing.openSource(shop.request(1));

      assertThat(enabled(shop)).isEqualTo("0");
    }
  }

  private static String enabled(ClosedShop shop) throws Exception {
    return shop.onSource(
        "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'whimbrel\\_closing%' AND tgenabled <> 'D'");
  }

  private static Outcome open(SourceOpener opener, Connection source) {
    try {
      return opener.open(source);
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private static String database() {
    return "opener" + ++number;
  }
}
