package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Move;
import dev.whimbrel.runbook.TablesSpec;
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
          .anyMatch(
              line ->
                  line.equals(
                      "replicate.subscriptions: 4 of the 8 streams would carry no table, and each of them costs the source the decoding of its whole log all the same: the tables are 4 groups that can be apart. Fix: replicate.subscriptions: 4"))
          .noneMatch(line -> line.contains("of the writes"));
      assertThat(warnings(move.sharedBy(4))).isEmpty();

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
          .noneMatch(
              finding ->
                  finding.check().equals("subscriptions")
                      || finding.line().contains("streams")
                      || finding.line().contains("has max_replication_slots"));
    } finally {
      pair.source()
          .execute(
              "planned", "SELECT pg_drop_replication_slot('s' || i) FROM generate_series(1, 12) i");
    }
  }

  @Test
  void weighsWhatMovesAndTiesWhatStays() throws Exception {
    Move move =
        pair.database("chosen")
            .sharedBy(2)
            .choosing(
                new TablesSpec(List.of(), List.of("public.old_*"), List.of("public.request_log")));
    pair.source()
        .execute(
            "chosen",
            "CREATE TABLE busy (id int PRIMARY KEY)",
            "CREATE TABLE customer (id int PRIMARY KEY)",
            "CREATE TABLE visit (id int PRIMARY KEY)",
            "CREATE TABLE orders (id int, k int, PRIMARY KEY (id, k)) PARTITION BY LIST (k)",
            "CREATE TABLE orders_1 PARTITION OF orders FOR VALUES IN (1)",
            "CREATE UNLOGGED TABLE scratch (id int REFERENCES visit)",
            "CREATE TABLE request_log (id int PRIMARY KEY, customer int REFERENCES customer, visit int REFERENCES visit)",
            "CREATE TABLE old_orders (id int PRIMARY KEY, k int, FOREIGN KEY (id, k) REFERENCES orders)",
            "INSERT INTO busy SELECT generate_series(1, 900)",
            "INSERT INTO customer SELECT generate_series(1, 300)",
            "INSERT INTO visit SELECT generate_series(1, 10)",
            "INSERT INTO orders SELECT i, 1 FROM generate_series(1, 200) i",
            "INSERT INTO scratch SELECT 1 FROM generate_series(1, 2000)",
            "INSERT INTO request_log SELECT i, 1, 1 FROM generate_series(1, 5000) i",
            "INSERT INTO old_orders SELECT i, 1 FROM generate_series(1, 200) i",
            "UPDATE old_orders SET id = id WHERE id > 0",
            "CREATE VIEW spoken AS SELECT id FROM customer",
            "CREATE MATERIALIZED VIEW of_one AS SELECT id FROM customer UNION SELECT id FROM visit",
            "CREATE MATERIALIZED VIEW of_two AS SELECT id FROM spoken UNION SELECT id FROM orders_1",
            "CREATE MATERIALIZED VIEW of_what_stays AS SELECT id FROM busy UNION SELECT id FROM request_log UNION SELECT id FROM scratch",
            "CREATE MATERIALIZED VIEW over_it AS SELECT * FROM of_two",
            "CREATE MATERIALIZED VIEW empty AS SELECT id FROM busy UNION SELECT id FROM orders WITH NO DATA");
    Wait.until(
        "statistics",
        Duration.ofSeconds(20),
        () ->
            Pairs.value(
                    pair.source(),
                    "chosen",
                    "SELECT sum(n_tup_ins + n_tup_upd) FROM pg_stat_user_tables WHERE schemaname = 'public' AND relname !~ '^o(f|ver)_'")
                .equals("8810"));

    try (Connection source = pair.source().connect("chosen")) {
      List<SharedTables.Share> shares =
          SharedTables.of(source)
              .among(2, PublishedTables.roots(source, Selection.of(move, source)));

      assertThat(shares)
          .extracting(SharedTables.Share::tables)
          .containsExactly(
              List.of("public.busy"), List.of("public.customer", "public.visit", "public.orders"));
      assertThat(shares).extracting(SharedTables.Share::writes).containsExactly(900L, 510L);
    }
    assertThat(new PostgresPreflight(new Secrets()).preflight(move).findings())
        .extracting(Finding::line)
        .anyMatch(
            line -> line.contains(": public.busy, 64 %; public.customer and 2 more, 36 %. What"))
        .noneMatch(line -> line.contains("of the writes"));
    assertThat(
            new PostgresPreflight(new Secrets())
                .preflight(move).findings().stream()
                    .filter(finding -> finding.line().contains("different streams"))
                    .map(Finding::line))
        .containsExactly(
            "of_two: reads tables that different streams may carry (public.customer, public.orders_1), and is refreshed on the target while these are apart: it may hold what the source never had, until it is refreshed again. Fix: REFRESH MATERIALIZED VIEW public.of_two; -- on the target, behind the hand-over",
            "over_it: reads tables that different streams may carry (public.customer, public.orders_1), and is refreshed on the target while these are apart: it may hold what the source never had, until it is refreshed again. Fix: REFRESH MATERIALIZED VIEW public.over_it; -- on the target, behind the hand-over");
    assertThat(
            new PostgresPreflight(new Secrets())
                .preflight(move.sharedBy(1)).findings().stream().map(Finding::line))
        .noneMatch(line -> line.contains("different streams"));
  }

  @Test
  void saysTheSizeWhereNothingWasWritten() throws Exception {
    Move move = pair.database("reset").sharedBy(3);
    pair.source()
        .execute(
            "reset",
            "CREATE TABLE large (id int PRIMARY KEY)",
            "CREATE TABLE small (id int PRIMARY KEY, large int REFERENCES large)",
            "INSERT INTO large SELECT generate_series(1, 100000)");
    Wait.until(
        "statistics",
        Duration.ofSeconds(20),
        () ->
            Pairs.value(
                    pair.source(),
                    "reset",
                    "SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 'large'")
                .equals("100000"));
    pair.source().execute("reset", "SELECT pg_stat_reset()");
    Wait.until(
        "no statistics",
        Duration.ofSeconds(20),
        () ->
            Pairs.value(
                    pair.source(),
                    "reset",
                    "SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 'large'")
                .equals("0"));

    assertThat(new PostgresPreflight(new Secrets()).preflight(move).findings())
        .extracting(Finding::line)
        .anyMatch(
            line ->
                line.startsWith(
                    "replicate.subscriptions: 3 streams share the tables by their size, as the source's statistics know of nothing that was written to them since they were reset: public.large and 1 more, 3544 KB; no table, 0 B; no table, 0 B. What"));
    assertThat(warnings(move))
        .containsExactly(
            "replicate.subscriptions: 2 of the 3 streams would carry no table, and each of them costs the source the decoding of its whole log all the same: the tables are one group, with nothing that can be apart. Fix: take replicate.subscriptions out");
  }

  private static List<String> warnings(Move move) {
    return new PostgresPreflight(new Secrets())
        .preflight(move).findings().stream()
            .filter(
                finding ->
                    finding.check().equals("subscriptions")
                        && finding.level() == Finding.Level.WARNING)
            .map(Finding::line)
            .toList();
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
