package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Closings, renewals, silences and ends among writers of every isolation level. */
@Needs(Program.PG_DUMP)
class ClosingRaceTest {
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

  /** Whatever happens at the same time: where a hand-over may go on, nothing was written since. */
  @Test
  void handsOverOnlyWhatWasThereWhenItWasClosedWhateverWritersDoAtTheSameTime() throws Exception {
    AtomicBoolean stop = new AtomicBoolean();
    AtomicInteger written = new AtomicInteger();
    List<Thread> writers = new ArrayList<>();
    Random random = new Random(7);
    int held = 0;
    int broke = 0;
    try (ClosedShop shop = new ClosedShop(pair, "race").prepared();
        Connection looking = pair.source().connect(shop.name);
        Statement look = looking.createStatement()) {
      for (String level : List.of("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")) {
        for (int i = 0; i < 2; i++) {
          Thread writer = new Thread(() -> write(shop, level, stop, written), level + i);
          writer.start();
          writers.add(writer);
        }
      }
      for (int closing = 1; closing <= 40; closing++) {
        close(shop, closing);
        String before = Answers.text(looking, "SELECT count(*) FROM entry");
        for (int step = random.nextInt(4); step > 0; step--) {
          switch (random.nextInt(5)) {
            case 0, 1 -> shop.silentFor(LONG_SILENT);
            case 2 -> shop.ends(closing);
            default -> shop.renews(closing);
          }
          Pause.of(Duration.ofMillis(random.nextInt(30)));
        }
        looking.setAutoCommit(false);
        look.execute("LOCK TABLE entry, counter IN SHARE ROW EXCLUSIVE MODE");
        String behind = Answers.text(looking, "SELECT count(*) FROM entry");
        boolean holds = holds(looking, closing);
        looking.rollback();
        looking.setAutoCommit(true);
        if (holds) {
          assertThat(behind).as("behind closing %d", closing).isEqualTo(before);
          held++;
        } else {
          broke++;
        }
      }
      stop.set(true);
      for (Thread writer : writers) {
        writer.join();
      }
    }
    assertThat(held).isGreaterThan(5);
    assertThat(broke).isGreaterThan(5);
    assertThat(written.get()).isGreaterThan(100);
  }

  private static void close(ClosedShop shop, int closing) {
    Wait.until(
        "closing " + closing,
        Duration.ofSeconds(20),
        () -> {
          try {
            shop.close(closing);
            return true;
          } catch (io.temporal.failure.ApplicationFailure e) {
            return false;
          }
        });
  }

  private static boolean holds(Connection source, int closing) throws SQLException {
    try {
      Verbatim.execute(
          source, "DO $$ DECLARE t record; BEGIN " + ClosingSql.spend(closing) + " END $$");
      return true;
    } catch (SQLException e) {
      assertThat(e.getSQLState()).isEqualTo(Closing.BROKEN_STATE);
      return false;
    }
  }

  private static void write(
      ClosedShop shop, String level, AtomicBoolean stop, AtomicInteger written) {
    try (Connection app = shop.app();
        Statement writer = app.createStatement()) {
      Random random = new Random(level.hashCode());
      while (!stop.get()) {
        try {
          writer.execute("BEGIN ISOLATION LEVEL " + level + "; SELECT count(*) FROM pg_class");
          Pause.of(Duration.ofMillis(random.nextInt(5)));
          writer.execute(WRITE);
          Pause.of(Duration.ofMillis(random.nextInt(5)));
          writer.execute("COMMIT");
          written.incrementAndGet();
        } catch (SQLException e) {
          writer.execute("ROLLBACK");
        }
      }
    } catch (SQLException e) {
      throw new AssertionError(e);
    }
  }
}
