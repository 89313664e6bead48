package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.activity.Move;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.PostgresServer;
import dev.whimbrel.servers.Program;
import java.nio.file.Files;
import java.sql.Connection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** In what form a copy brings rows, and in which order; what comes of it is others' to judge. */
@Needs(Program.PG_DUMP)
class RowsOnTheirWayTest {
  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static Pairs pair;

  private final PostgresSchema schema = new PostgresSchema(new Secrets());
  private final PostgresReplication replication = new PostgresReplication(new Secrets());

  /** Every table of more than sixteen pages is cut. */
  private final PostgresCopy copy = new PostgresCopy(new Secrets(), Pace.USUAL, 2 * 8192);

  @BeforeAll
  static void startServers() {
    pair =
        new Pairs(
            PostgresServer.version(15).set("log_statement", "all").start(),
            PostgresServer.version(16).set("log_statement", "all").start());
  }

  @AfterAll
  static void stopServers() {
    pair.close();
  }

  @Test
  void travelAsBinaryWhereTypesAreTheSameEverywhereAndAsTextWhereNot() throws Exception {
    Move move = pair.database("form");
    pair.source()
        .execute(
            "form",
            "CREATE TABLE built_in (id int PRIMARY KEY, n numeric, t text, at timestamptz)",
            "INSERT INTO built_in VALUES (1, 2.5, 'three', now())",
            "CREATE TYPE twin AS (a int, b text)",
            "CREATE TABLE of_its_own (id int PRIMARY KEY, twin twin)",
            "INSERT INTO of_its_own VALUES (1, (2, 'bad'))",
            "CREATE TABLE cut AS SELECT i AS id, repeat('x', 100) AS t FROM generate_series(1, 3000) i",
            "ALTER TABLE cut ADD PRIMARY KEY (id)");

    copyAll(move);

    List<String> read = statements(pair.source(), "form", "TO STDOUT");
    assertThat(read)
        .anyMatch(line -> line.matches(".*COPY public.built_in .* WITH \\(FORMAT binary\\)"))
        .anyMatch(line -> line.matches(".*COPY public.of_its_own .* WITH \\(FORMAT text\\)"));
    assertThat(read.stream().filter(line -> line.contains("public.cut")))
        .hasSizeGreaterThan(8)
        .allMatch(line -> line.matches(".*t.ctid >= '\\(.* WITH \\(FORMAT binary\\)"));
    List<String> written = statements(pair.target(), "form", "FROM STDIN");
    assertThat(written)
        .anyMatch(l -> l.matches(".*COPY public.built_in .* WITH \\(FREEZE, FORMAT binary\\)"))
        .anyMatch(l -> l.matches(".*COPY public.of_its_own .* WITH \\(FREEZE, FORMAT text\\)"));
    assertThat(written.stream().filter(line -> line.contains("public.cut")))
        .hasSizeGreaterThan(8)
        .allMatch(line -> line.endsWith("WITH (FORMAT binary)"));
    assertThat(
            onTarget(
                "form", "SELECT (twin).b || ' ' || (SELECT count(*) FROM cut) FROM of_its_own"))
        .isEqualTo("bad 3000");
    replication.unsubscribe(move);
  }

  @Test
  void areStoredAsIfAVacuumHadSeenThemWhereATableIsCopiedWhole() throws Exception {
    Move move = pair.database("frozen");
    pair.source()
        .execute(
            "frozen",
            // Too few for a vacuum of the server's own.
            "CREATE TABLE whole AS SELECT i AS id, repeat('x', 500) AS t FROM generate_series(1, 200) i",
            "ALTER TABLE whole ADD PRIMARY KEY (id)");

    copyAll(move);

    // An analysis counts the pages that are marked, and marks none.
    pair.target().execute("frozen", "ANALYZE whole");
    assertThat(
            onTarget(
                "frozen",
                "SELECT relpages > 9 AND relallvisible = relpages FROM pg_class WHERE relname = 'whole'"))
        .isEqualTo("t");
    replication.unsubscribe(move);
  }

  @Test
  void areTakenLargestTableFirstAndItsIndexesBeforeTheRowsOfSmallerOnes() throws Exception {
    Move move = pair.database("order");
    for (String[] table :
        new String[][] {{"a_small", "10"}, {"b_large", "3000"}, {"c_middle", "300"}}) {
      pair.source()
          .execute(
              "order",
              "CREATE TABLE %s AS SELECT i AS id, repeat('x', 100) AS t FROM generate_series(1, %s) i"
                  .formatted(table[0], table[1]),
              "ALTER TABLE %s ADD PRIMARY KEY (id)".formatted(table[0]));
    }
    schema.createTables(move);
    copy.prepareCopy(move);

    List<String> taken = new ArrayList<>();
    try (Connection target = pair.target().connect("order")) {
      target.setAutoCommit(false);
      CopyList list = new CopyList(target);
      Optional<CopyList.Piece> piece = list.take(move);
      while (piece.isPresent()) {
        String what = piece.get().relation() + " " + piece.get().kind();
        if (taken.isEmpty() || !taken.get(taken.size() - 1).equals(what)) {
          taken.add(what);
        }
        list.done(piece.get(), 0, "");
        piece = list.take(move);
      }
      target.rollback();
    }

    assertThat(taken)
        .containsExactly(
            "public.b_large ROWS",
            "public.b_large KEY",
            "public.c_middle ROWS",
            "public.c_middle KEY",
            "public.a_small ROWS",
            "public.a_small KEY");
    assertThat(
            onTarget(
                "order",
                "SELECT string_agg(first_page || '-' || coalesce(end_page::text, ''), ' ' ORDER BY first_page)"
                    + " FROM whimbrel.copy_piece WHERE relation = 'public.b_large' AND kind = 'rows'"))
        .as("one range behind the other, the last one without an end")
        .matches("0-(\\d+)( \\d+-\\d+)+ \\d+-");
    assertThat(
            onTarget(
                "order",
                "SELECT bool_and(first_page = coalesce(before, 0) AND (end_page IS NULL) = (id = last)) FROM"
                    + " (SELECT *, lag(end_page) OVER w AS before, max(id) OVER () AS last FROM whimbrel.copy_piece"
                    + " WHERE relation = 'public.b_large' AND kind = 'rows' WINDOW w AS (ORDER BY id)) p"))
        .isEqualTo("t");
    replication.unsubscribe(move);
  }

  @Test
  void areBroughtBySeveralProcessesAtOnceOfWhichOneIsKilled() throws Exception {
    Move move = pair.database("processes");
    pair.source()
        .execute(
            "processes",
            "CREATE TABLE big AS SELECT i AS id, repeat('x', 200) || i AS t FROM generate_series(1, 8000) i",
            "ALTER TABLE big ADD PRIMARY KEY (id)");
    schema.createTables(move);
    copy.prepareCopy(move);
    String done = "SELECT count(*) FROM whimbrel.copy_piece WHERE done_at IS NOT NULL";
    try (Holder holder = new Holder(copy, new CopyRequest(move, 1))) {
      copy.openGeneration(holder.request);
      try (CopierProcess one = new CopierProcess(holder.request);
          CopierProcess other = new CopierProcess(holder.request);
          CopierProcess killed = new CopierProcess(holder.request)) {
        List<CopierProcess> all = List.of(one, other, killed);
        all.forEach(each -> Wait.until("it is ready", LIMIT, () -> each.lines().contains("READY")));
        all.forEach(CopierProcess::goOn);
        Wait.until(
            "they are at it", LIMIT, () -> Integer.parseInt(onTarget("processes", done)) > 10);
        killed.kill();

        String ones = one.awaitEnd();
        String others = other.awaitEnd();

        assertThat(ones).matches("DONE [1-9]\\d* false");
        assertThat(others).matches("DONE [1-9]\\d* false");
      }
    }
    copy.finishCopy(move);
    assertThat(onTarget("processes", "SELECT count(*) || ' ' || sum(length(t)) FROM big"))
        .isEqualTo(
            Pairs.value(
                pair.source(), "processes", "SELECT count(*) || ' ' || sum(length(t)) FROM big"));
    assertThat(onTarget("processes", "SELECT sum(rows) FROM whimbrel.copy_piece"))
        .as("each row by one of them")
        .isEqualTo("8000");
    replication.unsubscribe(move);
  }

  private void copyAll(Move move) throws Exception {
    schema.createTables(move);
    copy.prepareCopy(move);
    try (Holder holder = new Holder(copy, new CopyRequest(move, 1))) {
      copy.openGeneration(holder.request);
      copy.copyPieces(holder.request);
    }
    copy.finishCopy(move);
  }

  /** What a server has run in a database, as its log has it. */
  private static List<String> statements(PostgresServer server, String database, String what)
      throws Exception {
    try (var lines = Files.lines(server.logFile())) {
      return lines
          .filter(line -> line.contains("@" + database + " ") && line.contains("COPY "))
          .filter(line -> line.contains(what))
          .toList();
    }
  }

  private static String onTarget(String database, String sql) throws Exception {
    return Pairs.value(pair.target(), database, sql);
  }
}
