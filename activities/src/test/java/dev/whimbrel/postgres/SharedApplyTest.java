package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.secrets.Secrets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * A load that one apply worker does not keep up with, and three do. Each row that is applied waits
 * for three milliseconds, as for a disk, so that the figure does not depend on how many processors
 * the tests have.
 */
@Tag("campaign")
class SharedApplyTest {
  private static final Duration LONG = Duration.ofSeconds(15);
  private static final int ROWS_A_SECOND = 150;

  private static final String TABLES =
      "CREATE TABLE one (id bigserial PRIMARY KEY, n int); CREATE TABLE two (LIKE one INCLUDING ALL); CREATE TABLE three (LIKE one INCLUDING ALL)";

  @Test
  void threeStreamsKeepUpWithWhatOneFallsBehind() throws Exception {
    try (Pairs pair = Pairs.of(15, 16)) {
      Duration one = lagBehindALoad(pair, 1);
      Duration three = lagBehindALoad(pair, 3);

      System.out.printf(
          "apply: %d rows a second for %d s: one stream is %d ms behind, three are %d ms%n",
          3 * ROWS_A_SECOND, LONG.toSeconds(), one.toMillis(), three.toMillis());
      assertThat(one).isGreaterThan(Duration.ofSeconds(3));
      assertThat(three).isLessThan(Duration.ofSeconds(1));
    }
  }

  private static Duration lagBehindALoad(Pairs pair, int streams) throws Exception {
    String name = "apply" + streams;
    Move move = pair.database(name).sharedBy(streams);
    pair.source().execute(name, TABLES);
    pair.target()
        .execute(
            name,
            TABLES,
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.003); RETURN NEW; END $$");
    for (String table : List.of("one", "two", "three")) {
      pair.target()
          .execute(
              name,
              "CREATE TRIGGER slow BEFORE INSERT ON %s FOR EACH ROW EXECUTE FUNCTION slow()"
                  .formatted(table),
              "ALTER TABLE %s ENABLE ALWAYS TRIGGER slow".formatted(table));
    }
    subscribe(pair, move);
    try (Connection source = pair.source().connect(name);
        Connection target = pair.target().connect(name)) {
      UUID first = Markers.write(source, Side.SOURCE, "test");
      assertThat(Markers.await(target, Side.SOURCE, first, Duration.ofMinutes(1))).isTrue();
      List<Thread> writers = new ArrayList<>();
      for (String table : List.of("one", "two", "three")) {
        Thread writer = new Thread(() -> write(pair, name, table));
        writer.start();
        writers.add(writer);
      }
      for (Thread writer : writers) {
        writer.join();
      }
      long written = System.nanoTime();
      UUID last = Markers.write(source, Side.SOURCE, "test");
      assertThat(Markers.await(target, Side.SOURCE, last, Duration.ofMinutes(2))).isTrue();
      Duration behind = Duration.ofNanos(System.nanoTime() - written);
      assertThat(
              Pairs.value(
                  pair.target(),
                  name,
                  "SELECT (SELECT count(*) FROM one) + (SELECT count(*) FROM two) + (SELECT count(*) FROM three)"))
          .isEqualTo(String.valueOf(3 * ROWS_A_SECOND * LONG.toSeconds()));
      return behind;
    } finally {
      new PostgresReplication(new Secrets()).unsubscribe(move);
    }
  }

  private static void subscribe(Pairs pair, Move move) throws SQLException {
    String name = move.migration();
    try (Connection source = pair.source().connect(name);
        Connection target = pair.target().connect(name)) {
      Markers.create(source, Side.SOURCE, move);
      Markers.create(target, Side.TARGET, move);
      if (move.shared()) {
        new Sharing(source, move).publish();
      } else {
        new ForwardPublisher(source, new Names(name)).publish(move);
      }
    }
    for (Names each : Names.streams(move)) {
      pair.target()
          .execute(
              name,
              "CREATE SUBSCRIPTION %s CONNECTION 'host=127.0.0.1 port=%d dbname=%s user=postgres' PUBLICATION %s WITH (copy_data = false)"
                  .formatted(
                      each.forwardSubscription(),
                      pair.source().port(),
                      name,
                      each.forwardPublication()));
    }
  }

  /** At a steady pace, whatever the machine does meanwhile. */
  private static void write(Pairs pair, String name, String table) {
    long began = System.nanoTime();
    try (Connection source = pair.source().connect(name)) {
      for (int i = 0; i < ROWS_A_SECOND * LONG.toSeconds(); i++) {
        Verbatim.execute(source, "INSERT INTO %s (n) VALUES (%d)".formatted(table, i));
        long due = began + (i + 1) * 1_000_000_000L / ROWS_A_SECOND;
        Load.rest(Math.max(0, (due - System.nanoTime()) / 1_000_000));
      }
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }
}
