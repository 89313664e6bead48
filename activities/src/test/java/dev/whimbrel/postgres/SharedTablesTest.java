package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Move;
import dev.whimbrel.secrets.Secrets;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Who carries what, by what was written, and what {@code plan} says of it. */
class SharedTablesTest {
  private static final String[] TABLES = {
    "CREATE TABLE busy (id serial PRIMARY KEY)",
    "CREATE TABLE parent (id serial PRIMARY KEY)",
    "CREATE TABLE child (id serial PRIMARY KEY, parent int REFERENCES parent)",
    "CREATE TABLE grandchild (id serial PRIMARY KEY, child int REFERENCES child)",
    "CREATE TABLE part (id int, k int, PRIMARY KEY (id, k)) PARTITION BY LIST (k)",
    "CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1)",
    "CREATE TABLE of_part (id serial PRIMARY KEY, part int, k int, FOREIGN KEY (part, k) REFERENCES part)",
    "CREATE TABLE idle (id serial PRIMARY KEY)",
    "INSERT INTO busy SELECT generate_series(1, 900)",
    "INSERT INTO parent SELECT generate_series(1, 100)",
    "INSERT INTO child SELECT i, i FROM generate_series(1, 100) i",
    "INSERT INTO part SELECT i, 1 FROM generate_series(1, 150) i",
  };

  private static Pairs pair;

  @BeforeAll
  static void start() {
    pair = Pairs.of(15, 16);
  }

  @AfterAll
  static void stop() {
    pair.close();
  }

  @Test
  void givesTheBusiestOfWhatIsTiedToTheStreamWithTheLeast() throws Exception {
    pair.database("ties");
    pair.source().execute("ties", TABLES);
    awaitStatistics("ties");
    try (Connection source = pair.source().connect("ties")) {
      List<String> roots = PublishedTables.roots(source, Selection.EVERYTHING);

      List<SharedTables.Share> three = SharedTables.of(source).among(3, roots);
      List<SharedTables.Share> five = SharedTables.of(source).among(5, roots);

      assertThat(three)
          .extracting(SharedTables.Share::tables)
          .containsExactly(
              List.of("public.busy"),
              List.of("public.child", "public.grandchild", "public.parent"),
              List.of("public.of_part", "public.part", "public.idle"));
      assertThat(three).extracting(SharedTables.Share::writes).containsExactly(900L, 200L, 150L);
      assertThat(five.get(4).tables()).isEmpty();
      assertThat(SharedTables.of(source).tiedTo("public.grandchild"))
          .containsExactly("public.child", "public.grandchild", "public.parent");
    }
  }

  @Test
  void saysWhoWouldCarryWhatAndCountsSlotsAndWorkers() throws Exception {
    Move move = pair.database("planned").sharedBy(8);
    pair.source().execute("planned", TABLES);
    awaitStatistics("planned");
    pair.source()
        .execute(
            "planned",
            "SELECT pg_create_physical_replication_slot('s' || i) FROM generate_series(1, 12) i");
    try {
      List<Finding> findings = new PostgresPreflight(new Secrets()).preflight(move).findings();
      assertThat(findings)
          .extracting(Finding::line)
          .anyMatch(
              line ->
                  line.startsWith(
                      "replicate.subscriptions: 8 streams share the tables by what was written to them since the statistics were reset: public.busy, 72 %; public.child and 2 more, 16 %; public.of_part and 1 more, 12 %; public.idle, 0 %; no table, 0 %"))
          .anyMatch(
              line ->
                  line.startsWith(
                      "source: has max_replication_slots = 20 with 12 in use; this migration needs 10."))
          .noneMatch(line -> line.contains("of the writes"));

      pair.source().execute("planned", "UPDATE busy SET id = id + 100000");
      pair.source().execute("planned", "UPDATE busy SET id = id + 100000");
      awaitMore("planned", 2700);
      assertThat(new PostgresPreflight(new Secrets()).preflight(move).findings())
          .extracting(Finding::line)
          .anyMatch(
              line ->
                  line.startsWith(
                      "replicate.subscriptions: one of the streams has 89 % of the writes, of public.busy:"));
      assertThat(new PostgresPreflight(new Secrets()).preflight(move.sharedBy(1)).findings())
          .extracting(Finding::line)
          .noneMatch(line -> line.startsWith("replicate.subscriptions"));
    } finally {
      pair.source()
          .execute(
              "planned", "SELECT pg_drop_replication_slot('s' || i) FROM generate_series(1, 12) i");
    }
  }

  private static void awaitStatistics(String database) {
    awaitMore(database, 900);
    Wait.until(
        "statistics",
        Duration.ofSeconds(20),
        () ->
            Pairs.value(
                    pair.source(),
                    database,
                    "SELECT sum(n_tup_ins) FROM pg_stat_user_tables WHERE schemaname = 'public'")
                .equals("1250"));
  }

  private static void awaitMore(String database, int writes) {
    Wait.until(
        "statistics",
        Duration.ofSeconds(20),
        () ->
            Integer.parseInt(
                    Pairs.value(
                        pair.source(),
                        database,
                        "SELECT n_tup_ins + n_tup_upd FROM pg_stat_user_tables WHERE relname = 'busy'"))
                >= writes);
  }
}
