package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.CloneCompletion;
import dev.whimbrel.activity.CloneReport;
import dev.whimbrel.activity.CopyShare;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.runbook.TablesSpec;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** A clone of a part of a database, whose other part goes on as it likes. */
@Needs(Program.PG_DUMP)
class FilteredCloneTest {
  private static final TablesSpec TABLES =
      new TablesSpec(
          List.of(),
          List.of("audit.*", "public.\"Old \"*"),
          List.of("public.cache", "public.scratch"));

  private static final String[] MORE = {
    "CREATE SCHEMA audit",
    "CREATE TABLE audit.log (id bigserial PRIMARY KEY, debit bigint REFERENCES debit, line text)",
    "CREATE INDEX log_line ON audit.log (line)",
    "INSERT INTO audit.log (line) SELECT 'line' FROM generate_series(1, 50)",
    "CREATE TABLE audit.raw AS SELECT 'line' AS line FROM generate_series(1, 50)",
    "CREATE TABLE audit.day (at date NOT NULL) PARTITION BY RANGE (at)",
    "CREATE TABLE day_1 PARTITION OF audit.day DEFAULT",
    "CREATE MATERIALIZED VIEW audit.daily AS SELECT count(*) FROM audit.log",
    "CREATE SEQUENCE audit.free",
    "CREATE TABLE \"Old Orders\" (id int PRIMARY KEY)",
    "CREATE TABLE cache (id serial PRIMARY KEY, key text UNIQUE, debit bigint CONSTRAINT of_debit REFERENCES debit)",
    "CREATE INDEX cache_debit ON cache (debit)",
    "INSERT INTO cache (key) SELECT 'k' || n FROM generate_series(1, 20) n",
    "CREATE UNLOGGED TABLE scratch AS SELECT 1 AS id"
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
  void holdsOneSnapshotOfWhatTheRunbookLetsMove() throws Exception {
    Move move = bank("part");
    CloneCompletion completion;
    CloneReport report;
    VerificationReport verification;
    try (Transfers transfers = new Transfers(pair.source(), "part");
        CloneByHand clone = new CloneByHand(move)) {
      transfers.awaitSome();
      clone.claim();
      clone.keepNext();
      clone.open();
      goesOnWithWhatStays();
      List<CopyShare> shares = clone.copy(2);
      completion = clone.complete();
      verification = clone.verify();
      report = clone.report();

      assertThat(shares).noneMatch(CopyShare::snapshotLost);
      assertThat(sides(clone).changed()).isEmpty();
      pair.source().execute("part", "TRUNCATE quick");
      assertThat(sides(clone).changed()).containsExactly("public.quick");
      clone.release();
    }

    assertThat(completion.leftOut()).isEmpty();
    assertThat(verification.differences()).as(verification.findings().toString()).isZero();
    assertThat(verification.tables()).isEqualTo(3);
    assertThat(verification.notCompared())
        .contains(
            "left out by the runbook: audit.*, public.\"Old \"*",
            "public.cache: the runbook leaves its rows out",
            "public.scratch: the runbook leaves its rows out")
        .noneMatch(line -> line.startsWith("audit.") || line.contains("day_1"));
    assertThat(report.tables()).isEqualTo(3);
    assertThat(report.leftOut())
        .contains(
            "by the runbook: audit.*, public.\"Old \"*",
            "by the runbook, the rows of public.cache, public.scratch")
        .noneMatch(line -> line.contains("day_1"));
    holdsNoMoreThanItShould();
  }

  /** All of it would begin a whole clone anew, or be told of it. */
  private static void goesOnWithWhatStays() {
    pair.source()
        .execute(
            "part",
            "TRUNCATE audit.raw, cache, scratch",
            "INSERT INTO cache (key) VALUES ('of the source')",
            "ALTER TABLE audit.log ADD COLUMN more int DEFAULT 1",
            "ALTER TABLE audit.log RENAME COLUMN line TO text",
            "DROP TABLE audit.day, \"Old Orders\"",
            "CREATE TABLE audit.later (id serial PRIMARY KEY)",
            "DROP SEQUENCE audit.free");
  }

  private static void holdsNoMoreThanItShould() throws Exception {
    assertThat(
            onTarget(
                "part",
                "SELECT coalesce(string_agg(relname, ' '), 'none') FROM pg_class"
                    + " WHERE relnamespace = 'audit'::regnamespace OR relname ~ '^(Old|day_1)'"))
        .isEqualTo("none");
    assertThat(
            onTarget(
                "part", "SELECT (SELECT count(*) FROM cache) + (SELECT count(*) FROM scratch)"))
        .isEqualTo("0");
    assertThat(onTarget("part", "SELECT count(*) FROM pg_indexes WHERE tablename = 'cache'"))
        .isEqualTo("3");
    assertThat(
            onTarget("part", "SELECT convalidated FROM pg_constraint WHERE conname = 'of_debit'"))
        .isEqualTo("t");
    assertThat(onTarget("part", "SELECT last_value >= 20 FROM cache_id_seq")).isEqualTo("t");
    assertThat(onTarget("part", "SELECT (SELECT sum(n) FROM debit) + (SELECT sum(n) FROM credit)"))
        .isEqualTo("0");
    assertThat(onTarget("part", "SELECT to_regnamespace('whimbrel') IS NULL")).isEqualTo("t");
  }

  @Test
  void refusesWhatWouldBeCutOffBeforeAndBehindItsPlan() throws Exception {
    Move move = bank("cut");
    assertThat(findings(move))
        .noneMatch(line -> line.startsWith("BLOCKER"))
        .anyMatch(
            line ->
                line.startsWith("NOTE left-out source: 8 relations are not moved")
                    && line.contains("audit.log, audit.log_id_seq"));
    pair.source().execute("cut", "CREATE VIEW recent AS SELECT * FROM audit.log");

    assertThat(findings(move))
        .contains(
            "BLOCKER tables view public.recent: needs audit.log, which does not move. Fix: leave it out"
                + " too: replicate.tables.exclude: [public.recent]; or let audit.log move");
    try (CloneByHand clone = new CloneByHand(move)) {
      clone.claim();
      clone.keepNext();
      assertThatThrownBy(clone::open)
          .hasMessageContaining(
              "The runbook leaves out what is needed: view public.recent needs audit.log");
      assertThat(clone.drop()).isEqualTo("what this clone brought is dropped");
    }
    assertThat(
            findings(move.choosing(new TablesSpec(List.of("shop.*"), List.of(), List.of("a.b")))))
        .contains("BLOCKER tables replicate.tables: nothing would move. Fix: correct the patterns")
        .anyMatch(
            line ->
                line.startsWith(
                    "BLOCKER tables replicate.tables.include: 'shop.*' finds no table of the source."))
        .anyMatch(
            line ->
                line.startsWith(
                    "BLOCKER tables replicate.tables.excludeData: 'a.b' finds no table of the source."));
  }

  /** Whoever may not read what stays can clone the rest. */
  @Test
  void needsNoRightToWhatStays() throws Exception {
    Move all = bank("rights");
    pair.source()
        .execute(
            "rights",
            "CREATE ROLE part_reader LOGIN",
            "ALTER TABLE audit.log ENABLE ROW LEVEL SECURITY",
            "ALTER TABLE cache ENABLE ROW LEVEL SECURITY",
            "GRANT SELECT ON debit, credit, quick, cache, scratch, totals TO part_reader",
            "GRANT SELECT ON debit_id_seq, cache_id_seq TO part_reader",
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'audit.log_line'::regclass");
    Move move =
        new Move(
                all.migration(),
                new PostgresSpec(pair.source().url("part_reader", "rights"), null, null, null),
                all.target(),
                List.of(),
                List.of(),
                all.jobs(),
                all.maxLag())
            .choosing(TABLES);

    assertThat(findings(move))
        .noneMatch(line -> line.startsWith("BLOCKER"))
        .noneMatch(line -> line.contains("log_line"));
    assertThat(findings(move.choosing(null)))
        .anyMatch(line -> line.startsWith("BLOCKER read-right"))
        .anyMatch(line -> line.startsWith("BLOCKER row-security"))
        .anyMatch(line -> line.contains("log_line: is an invalid index"));
    try (CloneByHand clone = new CloneByHand(move)) {
      clone.bring();

      assertThat(clone.verify().differences()).isZero();
      assertThat(clone.report().leftOut()).noneMatch(line -> line.contains("log_line"));
      clone.release();
    }
  }

  private static SnapshotSides sides(CloneByHand clone) {
    return new SnapshotSides(new Databases(new Secrets()), clone.request());
  }

  private static Move bank(String name) {
    Move move = PostgresCloningTest.bank(pair, name).choosing(TABLES);
    pair.source().execute(name, MORE);
    return move;
  }

  private static List<String> findings(Move move) {
    return new PostgresCloning(new Secrets())
        .lookBeforeCloning(move).findings().stream().map(FilteredCloneTest::words).toList();
  }

  private static String words(Finding finding) {
    return finding.level() + " " + finding.check() + " " + finding.line();
  }

  private static String onTarget(String database, String sql) throws Exception {
    return Pairs.value(pair.target(), database, sql);
  }
}
