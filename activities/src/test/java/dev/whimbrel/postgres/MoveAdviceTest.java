package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.TablesSpec;
import dev.whimbrel.servers.PostgresServer;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class MoveAdviceTest {
  private static Pairs pair;

  @BeforeAll
  static void start() {
    pair = Pairs.of(13, 18);
  }

  @AfterAll
  static void stop() {
    pair.close();
  }

  @Test
  void namesWhatNeedNotMoveAndNothingThatHoldsADatabaseTogether() throws Exception {
    Move move = pair.database("grown");
    pair.source()
        .execute(
            "grown",
            "CREATE TABLE orders AS SELECT n AS id, n AS buyer, repeat('x', 100) || n AS text FROM generate_series(1, 60000) n",
            "ALTER TABLE orders ADD PRIMARY KEY (id)",
            "CREATE INDEX by_buyer ON orders (buyer)",
            "CREATE INDEX by_buyer_again ON orders (buyer)",
            "CREATE INDEX by_id ON orders (id)",
            "CREATE INDEX by_id_and_buyer ON orders (id, buyer)",
            "CREATE INDEX by_buyer_down ON orders (buyer DESC)",
            "CREATE INDEX by_length ON orders (length(text))",
            "CREATE UNIQUE INDEX by_both ON orders (buyer, id)",
            "CREATE TABLE parts (id int, at int) PARTITION BY RANGE (id)",
            "CREATE TABLE part PARTITION OF parts FOR VALUES FROM (0) TO (100000)",
            "INSERT INTO parts SELECT n, n FROM generate_series(1, 60000) n",
            "CREATE INDEX by_at ON parts (at)",
            "CREATE TABLE forgotten AS SELECT n AS id, repeat('y', 300) AS text FROM generate_series(1, 20000) n",
            "CREATE TABLE \"Tiny\" (id int PRIMARY KEY)",
            "CREATE EXTENSION hstore",
            "CREATE TABLE made AS SELECT n AS id, repeat('z', 300) AS text FROM generate_series(1, 20000) n",
            "ALTER EXTENSION hstore ADD TABLE made",
            "VACUUM ANALYZE");
    Wait.until(
        "its session has gone, and with it what it counted",
        Duration.ofSeconds(30),
        () ->
            Pairs.value(
                    pair.source(),
                    "grown",
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = 'grown'"
                        + " AND backend_type = 'client backend' AND pid <> pg_backend_pid()")
                .equals("0"));
    pair.source().execute("grown", "SELECT pg_stat_reset()");
    Wait.until(
        "the statistics have been reset, and used",
        Duration.ofSeconds(30),
        () -> {
          pair.source()
              .execute(
                  "grown",
                  "SET enable_seqscan = off; SET enable_bitmapscan = off; SELECT text FROM orders WHERE buyer = 7 ORDER BY buyer DESC",
                  "SELECT count(*) FROM parts");
          return advice(move).toString().contains("unused-indexes");
        });

    Wait.until(
        "the advice is as it should be",
        Duration.ofSeconds(30),
        () -> {
          List<Finding> advice = advice(move);
          assertThat(advice).extracting(Finding::level).containsOnly(Finding.Level.NOTE);
          assertThat(find(advice, "unused-indexes").message())
              .matches(
                  "\\d index(es)?, \\d+ KB, not used since the statistics were reset at [\\d: -]+ UTC, \\d minutes ago,"
                      + " which says little of what is done once a week or a month: .*"
                      + " A standby counts its own use: ask it too\\. What was made .*"
                      + " A crash or a fail-over since then would have forgotten what was counted, and sessions with track_counts = off are not counted\\.")
              .contains("by_id_and_buyer (")
              .doesNotContain(
                  "by_id (", "by_buyer (", "by_buyer_again", "by_length", "by_both", "orders_pkey")
              .doesNotContain("part_at_idx", "by_at");
          assertThat(find(advice, "unused-indexes").fix())
              .contains("DROP INDEX CONCURRENTLY public.by_id_and_buyer;");
          assertThat(find(advice, "duplicate-indexes").message())
              .matches(
                  "2 indexes, \\d+ KB, say the same as another one, which stays: by_buyer(_again)? \\(\\d+ KB, as by_buyer(_again)?\\),"
                      + " by_id \\(\\d+ KB, as orders_pkey\\)\\. Keep that one .*");
          assertThat(find(advice, "untouched-tables").message())
              .matches(
                  "1 table, \\d+ KB, neither read nor written since the statistics were reset at [\\d: -]+ UTC, \\d minutes ago, .*:"
                      + " forgotten \\(\\d+ KB\\)\\. What nobody needs need not move\\. A standby counts its own use: .*");
          assertThat(find(advice, "untouched-tables").fix())
              .isEqualTo("replicate.tables.exclude: [public.forgotten]; then plan again");
          assertThat(find(advice, "largest-tables").message())
              .matches(
                  "of \\d+ MB with indexes, which the copy's time goes by: orders \\(\\d+ MB\\) \\d\\d %,"
                      + " forgotten .*, part .*\\.")
              .doesNotContain("made");
          return true;
        });
  }

  /** What the server itself has written is counted elsewhere from 17 on, but for this. */
  @Test
  void countsFromSomeTimeInEveryVersion() throws Exception {
    for (PostgresServer server : List.of(pair.source(), pair.target())) {
      assertThat(
              Pairs.value(
                  server,
                  "postgres",
                  "SELECT s.ago >= 0 AND s.sure IS NOT NULL FROM ("
                      + MoveAdvice.COUNTED_SINCE
                      + ") s (reset, sure, ago)"))
          .isEqualTo("t");
    }
  }

  @Test
  void givesNoneOnWhatDoesNotMove() throws Exception {
    String rows = " AS SELECT n AS id, repeat('x', 200) AS text FROM generate_series(1, 20000) n";
    Move move =
        pair.database("chosen")
            .choosing(new TablesSpec(List.of(), List.of("public.past"), List.of("public.cache")));
    for (String table : List.of("kept", "past", "cache")) {
      pair.source()
          .execute(
              "chosen",
              "CREATE TABLE " + table + rows,
              "CREATE INDEX %1$s_text ON %1$s (text, id)".formatted(table),
              "CREATE INDEX %1$s_again ON %1$s (text, id)".formatted(table));
    }

    List<Finding> advice = advice(move);

    assertThat(find(advice, "largest-tables").message()).contains("kept (").endsWith(" 100 %.");
    assertThat(find(advice, "duplicate-indexes").fix())
        .isEqualTo("DROP INDEX CONCURRENTLY public.kept_again;");
  }

  @Test
  void givesNoneInsteadOfWaitingForALock() throws Exception {
    Move move = pair.database("locked");
    pair.source().execute("locked", "CREATE TABLE t AS SELECT n FROM generate_series(1, 100000) n");
    try (Connection holder = pair.source().connect("locked")) {
      holder.setAutoCommit(false);
      holder.createStatement().execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE");

      assertThat(advice(move))
          .extracting(Finding::line)
          .containsExactly("source: none is given now: a table is locked by somebody");
    }
  }

  private static Finding find(List<Finding> advice, String check) {
    return advice.stream()
        .filter(finding -> finding.check().equals(check))
        .findFirst()
        .orElseThrow(() -> new AssertionError(check + " is not in " + advice));
  }

  private static List<Finding> advice(Move move) throws Exception {
    Findings findings = new Findings();
    try (Connection source = pair.source().connect(move.migration());
        Connection target = pair.target().connect(move.migration())) {
      Look look = new Look(move, source, target);
      new MoveAdvice(look, findings, Selection.of(move, source)).run();
      assertThat(look.setting(Side.SOURCE, "lock_timeout")).isEqualTo("0");
    }
    return findings.gravestFirst();
  }
}
