package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Move;
import dev.whimbrel.postgres.IndexAdvice.Index;
import dev.whimbrel.postgres.IndexAdvice.Spare;
import dev.whimbrel.servers.PostgresServer;
import java.sql.Connection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** Whoever follows every advice has one index left for whatever an index was used for. */
class IndexAdviceTest {
  @Test
  void keepsOneOfEachSetThatMustStayOrIsUsedMost() {
    IndexAdvice advice =
        IndexAdvice.of(
            List.of(
                index("a1", "(a)", true, true),
                index("a2", "(a)", true, false),
                index("a3", "(a)", true, true),
                index("b1", "(b)", true, true),
                index("b_pkey", "(b)", false, false),
                index("c_unique", "(c)", false, true),
                index("c_again", "(c)", false, true),
                index("d", "(d)", true, true),
                index("e", "(e)", false, true),
                index("f", "(f)", true, false)));

    assertThat(advice.duplicates())
        .extracting(spare -> spare.index().name() + " as " + spare.kept())
        .containsExactly("a1 as a2", "a3 as a2", "b1 as b_pkey");
    assertThat(advice.unused()).extracting(spare -> spare.index().name()).containsExactly("d");
  }

  /** PostgreSQL takes the younger of two that are alike, so that the older one looks unused. */
  @Test
  void leavesAnIndexForEachUseToWhoeverDropsAllThatIsNamed() throws Exception {
    try (Pairs pair = Pairs.of(15, 16)) {
      Move move = pair.database("obeyed");
      pair.source()
          .execute(
              "obeyed",
              "CREATE TABLE people (id int PRIMARY KEY)",
              "INSERT INTO people SELECT generate_series(1, 60000)",
              "CREATE TABLE t AS SELECT n AS id, n AS a, n AS b, n AS c, n AS d, n AS e, n AS f, n::text AS g FROM generate_series(1, 60000) n",
              "ALTER TABLE t ADD PRIMARY KEY (id), ADD FOREIGN KEY (f) REFERENCES people",
              "CREATE INDEX a_old ON t (a)",
              "CREATE INDEX a_young ON t (a)",
              "CREATE INDEX a_full ON t (a) WITH (fillfactor = 100)",
              "CREATE INDEX id_again ON t (id)",
              "CREATE INDEX b_some ON t (b) WHERE b > 10",
              "CREATE INDEX b_all ON t (b)",
              "CREATE INDEX c_with ON t (c) INCLUDE (d)",
              "CREATE INDEX c_alone ON t (c)",
              "CREATE INDEX c_prefix ON t (c, d)",
              "CREATE INDEX f_parent ON t (f)",
              "CREATE INDEX g_plain ON t (g)",
              "CREATE INDEX g_pattern ON t (g text_pattern_ops)",
              "CREATE INDEX g_other ON t (g COLLATE \"en-x-icu\")",
              "CREATE TABLE whole AS SELECT n AS a FROM generate_series(1, 60000) n",
              "ALTER TABLE whole REPLICA IDENTITY FULL",
              "CREATE INDEX whole_a ON whole (a)",
              "CREATE TABLE unnamed AS SELECT n AS a FROM generate_series(1, 60000) n",
              "CREATE INDEX unnamed_a ON unnamed (a)",
              "CREATE MATERIALIZED VIEW seen AS SELECT a FROM t",
              "CREATE INDEX seen_a ON seen (a)",
              "CREATE EXTENSION hstore",
              "CREATE TABLE made AS SELECT n AS a FROM generate_series(1, 60000) n",
              "ALTER TABLE made ADD PRIMARY KEY (a)",
              "CREATE INDEX made_a ON made (a) WHERE a > 10",
              "ALTER EXTENSION hstore ADD TABLE made",
              "VACUUM ANALYZE");
      use(pair.source());
      Wait.until(
          "what was used is counted",
          Duration.ofSeconds(30),
          () ->
              !scans(pair.source(), "a_young", "a_old", "a_full").equals("0")
                  && !scans(pair.source(), "b_some", "b_all").equals("0"));

      IndexAdvice advice = advice(pair, move);
      Set<String> before = meanings(pair.source());
      for (Spare spare : both(advice)) {
        pair.source().execute("obeyed", "DROP INDEX " + spare.index().name());
      }

      assertThat(advice.duplicates())
          .extracting(spare -> spare.index().name() + " as " + spare.kept())
          .hasSize(3)
          .filteredOn(line -> !line.matches("public\\.a_\\w+ as public\\.a_\\w+"))
          .containsExactly("public.id_again as public.t_pkey");
      assertThat(advice.unused())
          .extracting(spare -> spare.index().name())
          .contains("public.c_alone", "public.c_with", "public.c_prefix")
          .contains("public.g_plain", "public.g_pattern", "public.g_other")
          .contains("public.seen_a")
          .doesNotContain("public.f_parent", "public.whole_a", "public.a_old")
          .doesNotContain("public.unnamed_a", "public.made_a");
      Set<String> gone = new TreeSet<>(before);
      gone.removeAll(meanings(pair.source()));
      assertThat(gone)
          .as("what nothing that is left says")
          .isNotEmpty()
          .allMatch(meaning -> meaning.matches(".* \\([bcg][ ),].*|ON public\\.seen .*"));
      assertThat(both(advice(pair, move))).isEmpty();
    }
  }

  @Test
  void saysWhenTheStatisticsAreYoung() {
    assertThat(MoveAdvice.since("2026-01-01 00:00", "", Duration.ofDays(40)))
        .isEqualTo("since the statistics were reset at 2026-01-01 00:00 UTC");
    assertThat(MoveAdvice.since("2026-01-01 00:00", "", Duration.ofDays(3)))
        .isEqualTo(
            "since the statistics were reset at 2026-01-01 00:00 UTC, 3 days ago, which says little of what is done once a week or a month");
    assertThat(MoveAdvice.since("", "2026-01-01 00:00", Duration.ofHours(3)))
        .isEqualTo(
            "since counting began (surely from 2026-01-01 00:00 UTC on), perhaps no more than 3 hours ago, which says little of what is done once a week or a month");
  }

  /** The server is not started anew by it, and does not say that it has forgotten everything. */
  @Test
  void countsFromTheLatestCrashOfOneSession() throws Exception {
    try (PostgresServer server = PostgresServer.start(15)) {
      String started = "SELECT extract(epoch FROM clock_timestamp() - %s)::bigint";
      Wait.until(
          "it has been up for a while",
          Duration.ofSeconds(60),
          () ->
              number(server, started.formatted("pg_postmaster_start_time()")) >= 10
                  && ago(server) >= 9);
      try (Connection session = server.connect("postgres")) {
        int pid = session.unwrap(org.postgresql.PGConnection.class).getBackendPID();
        ProcessHandle.of(pid).orElseThrow().destroyForcibly();
      }
      Wait.until(
          "it answers again, and counts from now",
          Duration.ofSeconds(60),
          () ->
              ago(server) <= 8
                  && number(server, started.formatted("pg_postmaster_start_time()")) >= 10);
    }
  }

  private static long ago(PostgresServer server) throws Exception {
    return number(server, "SELECT s.c FROM (" + MoveAdvice.COUNTED_SINCE + ") s (a, b, c)");
  }

  private static long number(PostgresServer server, String sql) throws Exception {
    return Long.parseLong(Pairs.value(server, "postgres", sql));
  }

  private static Index index(String name, String meaning, boolean droppable, boolean unused) {
    return new Index(
        name, 2 << 20, meaning, droppable, unused, name.endsWith("_pkey"), unused ? 0 : 7);
  }

  private static void use(PostgresServer server) {
    server.execute(
        "obeyed",
        "SET enable_seqscan = off; SET enable_bitmapscan = off; SELECT d FROM t WHERE a = 7; SELECT d FROM t WHERE id = 7",
        "SET enable_seqscan = off; SELECT c FROM t WHERE b = 7");
  }

  private static String scans(PostgresServer server, String... indexes) throws Exception {
    return Pairs.value(
        server,
        "obeyed",
        "SELECT sum(idx_scan) FROM pg_stat_user_indexes WHERE indexrelname IN ('%s')"
            .formatted(String.join("', '", indexes)));
  }

  /** What each index can be asked for, without its name. */
  private static Set<String> meanings(PostgresServer server) throws Exception {
    return Set.of(
        Pairs.value(
                server,
                "obeyed",
                "SELECT string_agg(DISTINCT regexp_replace(regexp_replace(pg_get_indexdef(indexrelid), '^CREATE (UNIQUE )?INDEX \\S+ ', ''), ' WITH \\(fillfactor.*', ''), ';') FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE c.relnamespace = 'public'::regnamespace")
            .split(";"));
  }

  private static List<Spare> both(IndexAdvice advice) {
    List<Spare> both = new ArrayList<>(advice.duplicates());
    both.addAll(advice.unused());
    return both;
  }

  private static IndexAdvice advice(Pairs pair, Move move) throws Exception {
    try (Connection source = pair.source().connect(move.migration());
        Connection target = pair.target().connect(move.migration())) {
      return IndexAdvice.read(new Look(move, source, target), Selection.of(move, source));
    }
  }
}
