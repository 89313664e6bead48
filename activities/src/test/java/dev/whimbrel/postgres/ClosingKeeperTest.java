package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whoever keeps a source closed goes on until there is a fact against it. */
@Needs(Program.PG_DUMP)
class ClosingKeeperTest {
  private static final Duration LIMIT = Duration.ofSeconds(20);
  private static final String RENEWED = "SELECT renewed FROM whimbrel.closing";

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

  @Test
  void isNotRenewedForAnEngineThatDoesNotAnswer() throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared();
        Pulse pulse = new Pulse("a test")) {
      shop.close(1);
      AtomicBoolean lives = new AtomicBoolean(true);
      AtomicInteger asked = new AtomicInteger();
      ClosingKeeper keeper =
          new ClosingKeeper(
              new Databases(new Secrets()),
              shop.request(1),
              () -> {
                asked.incrementAndGet();
                return lives.get();
              });
      Thread keeping = new Thread(() -> keep(keeper, pulse), "keeper");
      keeping.start();
      String renewed = "SELECT renewed FROM whimbrel.closing";
      String first = shop.onSource(renewed);
      Wait.until("it is renewed", LIMIT, () -> !shop.onSource(renewed).equals(first));

      lives.set(false);
      int before = asked.get();
      Wait.until("it looks once more", LIMIT, () -> asked.get() > before);
      String last = shop.onSource(renewed);
      Wait.until("it looks again and again", LIMIT, () -> asked.get() > before + 2);

      assertThat(shop.onSource(renewed)).isEqualTo(last);
      keeping.interrupt();
      keeping.join();
    }
  }

  private static void keep(ClosingKeeper keeper, Pulse pulse) {
    assertThatThrownBy(() -> keeper.keep(pulse)).hasMessageContaining("Interrupted");
  }

  /** What SQLSTATE alone would have called a case for a person. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "ALTER DATABASE %1$s ALLOW_CONNECTIONS false | ALTER DATABASE %1$s ALLOW_CONNECTIONS true",
        "ALTER DATABASE %1$s RENAME TO away | ALTER DATABASE away RENAME TO %1$s",
      })
  void goesOnThroughWhatFailsForAWhile(String what) throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared();
        Pulse pulse = new Pulse("a test")) {
      shop.close(1);
      AtomicInteger asked = new AtomicInteger();
      ClosingKeeper keeper =
          new ClosingKeeper(
              new Databases(new Secrets()), shop.request(1), () -> asked.incrementAndGet() > 0);
      Thread keeping = new Thread(() -> keep(keeper, pulse), "keeper");
      keeping.start();
      String first = shop.onSource(RENEWED);
      Wait.until("it is renewed", LIMIT, () -> !shop.onSource(RENEWED).equals(first));

      String[] steps = what.formatted(shop.name).split(" \\| ", 2);
      pair.source()
          .execute(
              "postgres",
              "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '%s'"
                  .formatted(shop.name),
              steps[0]);
      int before = asked.get();
      Wait.until("it looks again and again", LIMIT, () -> asked.get() > before + 2);
      pair.source().execute("postgres", steps[1]);
      String last = shop.onSource(RENEWED);
      Wait.until("it is renewed again", LIMIT, () -> !shop.onSource(RENEWED).equals(last));

      keeping.interrupt();
      keeping.join();
    }
  }

  /** A standby that took the source's place and had not heard of it, or a restore. */
  @Test
  void saysAtOnceThatTheSourceHasLostTheClosing() throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared();
        Pulse pulse = new Pulse("a test")) {
      shop.close(1);
      ClosingKeeper keeper =
          new ClosingKeeper(new Databases(new Secrets()), shop.request(2), () -> true);

      assertThatThrownBy(() -> keeper.keep(pulse))
          .hasMessageContaining("it has lost closing 2 (the last one that it knows is closing 1)");
      pair.source().execute(shop.name, "UPDATE whimbrel.closing SET number = 0");
      assertThatThrownBy(() -> keeper.keep(pulse)).hasMessageContaining("it knows of no closing");
      pair.source().execute(shop.name, "DROP TABLE whimbrel.closing");
      assertThatThrownBy(() -> keeper.keep(pulse)).hasMessageContaining("whimbrel.closing is gone");
    }
  }

  @Test
  void endsWithoutAWordWhereALaterClosingWasMade() throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared();
        Pulse pulse = new Pulse("a test")) {
      shop.close(1);
      shop.close(2);
      ClosingKeeper keeper =
          new ClosingKeeper(new Databases(new Secrets()), shop.request(1), () -> true);

      assertThat(keeper.keep(pulse).line()).isEqualTo("closing 1 is over");
      assertThat(shop.renews(2)).isTrue();
    }
  }

  private static String database() {
    return "keeper" + ++number;
  }

  @Test
  void warnsOnceTheSourceMayHaveOpenedByItself() {
    String line = "the source cannot be kept closed just now: refused";

    assertThat(ClosingKeeper.said(line, Duration.ofSeconds(19)).warning()).isNull();
    assertThat(ClosingKeeper.said(line, Duration.ofSeconds(20)).warning())
        .isEqualTo(
            "THE SOURCE MAY TAKE WRITES AGAIN: its closing was last renewed 20 s ago: " + line);
    assertThat(ClosingKeeper.said(line, Duration.ofSeconds(20)).line()).isEqualTo(line);
  }
}
