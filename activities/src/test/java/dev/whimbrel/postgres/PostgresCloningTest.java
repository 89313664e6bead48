package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.CloneReport;
import dev.whimbrel.activity.CopyOpening;
import dev.whimbrel.activity.CopyShare;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.PostgresServer;
import dev.whimbrel.servers.Program;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Needs(Program.PG_DUMP)
class PostgresCloningTest {
  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final String KEEPERS =
      "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE '% snapshot %' AND state = 'active' AND datname = '%s'";
  private static Pairs pair;

  @BeforeAll
  static void startServers() {
    pair = Pairs.of(15, 16);
  }

  @AfterAll
  static void stopServers() {
    pair.close();
  }

  @Test
  void holdsOneSnapshotOfADatabaseThatIsWrittenTo() throws Exception {
    Move move = bank("bank");
    CloneReport report;
    VerificationReport verification;
    String released;
    try (Transfers transfers = new Transfers(pair.source(), "bank");
        CloneByHand clone = new CloneByHand(move)) {
      transfers.awaitSome();
      clone.bring();
      transfers.awaitSome();
      verification = clone.verify();
      report = clone.report();
      released = clone.release();
    }

    assertThat(onTarget("bank", "SELECT (SELECT sum(n) FROM debit) + (SELECT sum(n) FROM credit)"))
        .isEqualTo("0");
    assertThat(verification.differences()).as(verification.findings().toString()).isZero();
    assertThat(verification.inFlux()).isZero();
    assertThat(verification.rows()).isEqualTo(report.rows());
    assertThat(report.rows())
        .isEqualTo(
            Long.parseLong(
                onTarget(
                    "bank",
                    "SELECT (SELECT count(*) FROM debit) + (SELECT count(*) FROM credit)"
                        + " + (SELECT count(*) FROM quick)")));
    assertThat(report.snapshot()).matches("\\d+:\\d+:[\\d,]*");
    assertThat(report.lsn()).matches("[0-9A-F]+/[0-9A-F]+");
    assertThat(report.bytesAgain()).isZero();
    assertThat(released).isEqualTo("nothing of Whimbrel's is left on the target");
    assertThat(onTarget("bank", "SELECT nextval('debit_id_seq') > max(id) FROM debit"))
        .isEqualTo("t");
    assertThat(onTarget("bank", "SELECT count(*) FROM quick")).isEqualTo("1000");
    assertThat(onTarget("bank", "SELECT relpersistence FROM pg_class WHERE relname = 'quick'"))
        .isEqualTo("u");
    assertThat(
            onTarget(
                "bank", "SELECT convalidated FROM pg_constraint WHERE conname = 'credit_debit'"))
        .isEqualTo("t");
    pair.target().execute("bank", "INSERT INTO debit (n) VALUES (1)", "DELETE FROM credit");
    nothingIsLeft("bank");
  }

  @Test
  void findsWhatWasDamagedInTheCloneWhileTheSourceGoesOn() throws Exception {
    Move move = bank("damaged");
    try (Transfers transfers = new Transfers(pair.source(), "damaged");
        CloneByHand clone = new CloneByHand(move)) {
      clone.bring();
      transfers.awaitSome();
      pair.target()
          .execute(
              "damaged",
              "SET session_replication_role = replica; DELETE FROM debit WHERE id = 1;"
                  + " UPDATE credit SET n = n + 1 WHERE id = 2; UPDATE quick SET text = 'other' WHERE id = 3");

      VerificationReport report = clone.verify();

      assertThat(report.inFlux()).isZero();
      assertThat(report.findings())
          .containsExactly(
              "public.credit (id)=(2): differs in n",
              "public.debit (id)=(1): missing on the target",
              "public.quick (id)=(3): differs in text");
    }
  }

  @Test
  void goesOnFromItsSnapshotWhenWhoeverKeptItDies() throws Exception {
    Move move = bank("outlived");
    try (CloneByHand clone = new CloneByHand(move)) {
      clone.claim();
      clone.keepNext();
      clone.open();
      clone.killKeeper();
      pair.source().execute("outlived", "UPDATE debit SET n = -7", "DELETE FROM credit");
      // For longer than a server goes on that looks for its client.
      Poll.holdsFor(Duration.ofSeconds(7), () -> !quietly(() -> keeper("outlived")).isEmpty());
      String kept = onSource("outlived", KEEPERS.replace("%s", "outlived"));

      clone.keep();
      List<CopyShare> shares = clone.copy(2);
      clone.complete();

      assertThat(kept).isEqualTo("1");
      assertThat(shares).noneMatch(CopyShare::snapshotLost);
      assertThat(clone.verify().differences()).isZero();
      assertThat(onTarget("outlived", "SELECT count(*) FROM debit WHERE n = -7")).isEqualTo("0");
      clone.release();
    }
    nothingIsLeft("outlived");
  }

  @Test
  void isKeptOnByWhoeverStillSeesItWhenItsKeeperIsEnded() throws Exception {
    Move move = bank("ended");
    try (CloneByHand clone = new CloneByHand(move)) {
      clone.claim();
      clone.keepNext();
      clone.open();
      CopyPair reader =
          CopyPair.open(new CopySessions(new Databases(new Secrets()), move), clone.request());
      String first = keeper("ended");
      String names = "SELECT count(*) FROM whimbrel.copy_snapshot";
      String before = onTarget("ended", names);
      pair.source().execute("ended", "SELECT pg_terminate_backend(" + first + ")");
      Wait.until(
          "another one keeps it, by a name that is recorded",
          LIMIT,
          () ->
              !keeper("ended").equals(first)
                  && !keeper("ended").isEmpty()
                  && !onTarget("ended", names).equals(before));
      reader.close();

      assertThat(clone.copy(1)).noneMatch(CopyShare::snapshotLost);
    }
  }

  @Test
  void isLetGoOfByTheSourceWhenNobodyNeedsIt() throws Exception {
    Move move = bank("forgotten");
    try (CloneByHand clone = new CloneByHand(move, Duration.ofSeconds(2))) {
      clone.claim();
      clone.keepNext();
      clone.open();
      Poll.holdsFor(Duration.ofSeconds(5), () -> !quietly(() -> keeper("forgotten")).isEmpty());
      clone.killKeeper();

      Wait.until("the source lets go", LIMIT, () -> keeper("forgotten").isEmpty());
      clone.keep();

      assertThat(clone.whyLost()).startsWith("the session that kept it was ended on the source");
      assertThat(clone.copy(1).get(0).snapshotLost()).isTrue();
    }
  }

  @Test
  void beginsAnewFromAnotherSnapshotWhenTheSourceIsRestarted() throws Exception {
    try (Pairs own = Pairs.of(15, 15)) {
      Move move = bank(own, "restarted");
      try (CloneByHand clone = new CloneByHand(move)) {
        clone.claim();
        clone.keepNext();
        clone.open();
        clone.copy(2);
        long copied =
            Long.parseLong(
                Pairs.value(
                    own.target(),
                    "restarted",
                    "SELECT sum(bytes) FROM whimbrel.copy_piece WHERE kind = 'rows'"));
        own.source().stopImmediate();
        own.source().start();
        own.source()
            .execute(
                "restarted",
                "ALTER TABLE debit ADD COLUMN more int DEFAULT 5",
                "CREATE TABLE young (id int PRIMARY KEY)");
        clone.killKeeper();
        clone.keep();
        String why = clone.whyLost();
        clone.keepNext();
        CopyOpening opening = clone.open();
        clone.copy(2);
        clone.complete();

        assertThat(why).isEqualTo("the source was restarted");
        assertThat(opening.bytesAgain()).isEqualTo(copied);
        assertThat(clone.verify().differences()).isZero();
        assertThat(clone.report().snapshots()).isEqualTo(2);
        assertThat(clone.report().bytesAgain()).isEqualTo(copied);
        own.source().stopFast();
        assertThatThrownBy(clone::release)
            .hasMessageContaining("The source could not be asked to let go of the snapshot");
        own.source().start();
        assertThat(clone.release()).isEqualTo("the target was let go of before");
      }
      assertThat(
              Pairs.value(own.target(), "restarted", "SELECT sum(more) = 5 * count(*) FROM debit"))
          .isEqualTo("t");
    }
  }

  @Test
  void beginsAnewWhereATableWasTruncatedBehindTheSnapshot() throws Exception {
    Move move = bank("truncated");
    try (CloneByHand clone = new CloneByHand(move)) {
      clone.claim();
      clone.keepNext();
      clone.open();
      pair.source().execute("truncated", "TRUNCATE credit", "DROP TABLE quick");
      CopyShare share = clone.copy(1).get(0);

      clone.killKeeper();
      clone.keepNext();
      clone.open();
      clone.copy(1);
      clone.complete();

      assertThat(share.snapshotLost()).isTrue();
      assertThat(share.why())
          .matches(
              "public.(credit is stored elsewhere|quick was dropped) since its pages were counted");
      assertThat(clone.verify().differences()).isZero();
      assertThat(onTarget("truncated", "SELECT to_regclass('quick') IS NULL")).isEqualTo("t");
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "swapped | ALTER TABLE credit RENAME TO old; CREATE TABLE credit (id bigint, n bigint) | public.credit: it or a column was renamed",
        "tenant | DROP SCHEMA tenant CASCADE | tenant.t was dropped",
        "column | ALTER TABLE credit DROP COLUMN n | public.credit: it or a column was renamed",
        "crossed | ALTER TABLE credit ADD m int; ALTER TABLE credit RENAME n TO n_old; ALTER TABLE credit RENAME m TO n | public.credit: it or a column was renamed",
      })
  void beginsAnewWhereTheSchemaHasGoneOnBehindTheSnapshot(String name, String ddl, String why)
      throws Exception {
    Move move = bank(name);
    pair.source().execute(name, "CREATE SCHEMA tenant", "CREATE TABLE tenant.t AS SELECT 1 AS id");
    try (CloneByHand clone = new CloneByHand(move)) {
      clone.claim();
      clone.keepNext();
      clone.open();
      pair.source().execute(name, ddl);

      CopyShare share = clone.copy(1).get(0);

      assertThat(share.snapshotLost()).isTrue();
      assertThat(share.why()).startsWith(why);
    }
  }

  @Test
  void doesNotCompareWhatTheSnapshotShowsNoMore() throws Exception {
    Move move = bank("emptied");
    try (CloneByHand clone = new CloneByHand(move)) {
      clone.bring();
      pair.source()
          .execute(
              "emptied",
              "TRUNCATE credit",
              "ALTER TABLE quick RENAME TO old",
              "CREATE TABLE quick (id int PRIMARY KEY, text text)");

      VerificationReport report = clone.verify();

      // The definition of an index is told with the name that its table has now.
      assertThat(report.differingRows()).isZero();
      assertThat(report.findings()).hasSizeLessThanOrEqualTo(1);
      assertThat(report.notCompared())
          .anyMatch(line -> line.startsWith("public.credit: its rows are no longer"))
          .anyMatch(line -> line.startsWith("public.quick: its rows are no longer"));
    }
  }

  @Test
  void locksNoTableOfTheSourceBehindALookAtIt() throws Exception {
    Move move = bank("locked");
    try (CloneByHand clone = new CloneByHand(move)) {
      clone.bring();
      SnapshotSides sides = new SnapshotSides(new Databases(new Secrets()), clone.request());
      try (Pair sessions = sides.open()) {
        sides.apart(sessions, both -> count(both.truth(), "public.debit"));
        assertThatThrownBy(() -> sides.apart(sessions, both -> count(both.truth(), "nothing")))
            .hasMessageContaining("nothing");
        pair.source()
            .execute("locked", "SET lock_timeout = '2s'", "ALTER TABLE debit ADD COLUMN more int");
        pair.source().execute("locked", "DELETE FROM credit");

        sides.apart(
            sessions, both -> assertThat(count(both.truth(), "public.credit")).isEqualTo(20000));
      }
    }
  }

  private static long count(Connection session, String table) throws SQLException {
    try (Statement statement = session.createStatement();
        ResultSet row = statement.executeQuery("SELECT count(*) FROM " + table)) {
      row.next();
      return row.getLong(1);
    }
  }

  @Test
  void namesTheSequencesThatAreGoneFromTheSource() throws Exception {
    Move move = bank("gone");
    try (CloneByHand clone = new CloneByHand(move)) {
      clone.claim();
      clone.keepNext();
      clone.open();
      clone.copy(2);
      pair.source().execute("gone", "DROP TABLE debit CASCADE");

      assertThat(clone.complete().leftOut())
          .singleElement()
          .asString()
          .startsWith("value of sequence public.debit_id_seq: gone from the source");
    }
  }

  @Test
  void leavesNothingBehindWhenItIsDroppedWhileAnIndexIsBuilt() throws Exception {
    Move move = bank("dropped");
    pair.source()
        .execute(
            "dropped",
            """
            CREATE FUNCTION held(i bigint) RETURNS bigint IMMUTABLE LANGUAGE plpgsql AS $$
            BEGIN
              WHILE EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND objid = 43) LOOP
                PERFORM pg_catalog.pg_sleep(0.05);
              END LOOP;
              RETURN i;
            END $$""",
            "CREATE INDEX held ON debit (held(id))",
            "CREATE ROLE of_the_clone",
            "GRANT SELECT ON debit TO of_the_clone");
    try (Connection gate = pair.target().connect("dropped");
        Statement lock = gate.createStatement();
        CloneByHand clone = new CloneByHand(move)) {
      lock.execute("SELECT pg_advisory_lock(43)");
      clone.claim();
      clone.keepNext();
      clone.open();
      Thread copying = new Thread(() -> quietly(() -> clone.copy(1)), "copying");
      copying.setDaemon(true);
      copying.start();
      Wait.until(
          "the index is being built", LIMIT, () -> onTarget("dropped", builders()).equals("1"));

      String dropped = clone.drop();

      assertThat(dropped).isEqualTo("what this clone brought is dropped");
      assertThat(onTarget("dropped", builders())).isEqualTo("0");
      assertThat(onTarget("dropped", "SELECT to_regclass('debit') IS NULL")).isEqualTo("t");
      assertThat(
              onTarget("dropped", "SELECT count(*) FROM pg_roles WHERE rolname = 'of_the_clone'"))
          .isEqualTo("0");
      nothingIsLeft("dropped");
      Wait.until("its worker finds nothing left to do", LIMIT, () -> !copying.isAlive());
      nothingIsLeft("dropped");
    }
    pair.source().execute("dropped", "DROP OWNED BY of_the_clone", "DROP ROLE of_the_clone");
  }

  private static String builders() {
    return "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE '% build %' AND state = 'active'";
  }

  @Test
  void isNotTouchedByLateAttemptsOfItsOwnOrOfAnEarlierRun() throws Exception {
    Move first = bank("late");
    Move second = run(first, "late~22222222");
    CloneByHand early = new CloneByHand(first);
    early.bring();
    early.killKeeper();
    try (CloneByHand clone = new CloneByHand(second)) {
      clone.claim();
      assertThat(onTarget("late", "SELECT to_regclass('debit') IS NULL")).isEqualTo("t");
      clone.keepNext();
      clone.open();

      assertThat(early.copy(1)).allMatch(CopyShare::snapshotLost);
      assertThatThrownBy(early::open).hasMessageContaining("belongs to clone late (run 22222222)");
      assertThatThrownBy(early::complete).hasMessageContaining("belongs to clone late");
      assertThat(early.drop()).isEqualTo("nothing of this clone is there");
      assertThat(early.release()).isEqualTo("the target was let go of before");
      assertThat(keeper("late")).isNotEmpty();

      clone.copy(2);
      clone.complete();
      clone.release();
      assertThatThrownBy(clone::claim).hasMessageContaining("it is not empty, it holds credit");
      assertThatThrownBy(clone::open).hasMessageContaining("is not claimed by late~22222222");
      assertThat(clone.drop()).isEqualTo("nothing of this clone is there");
    }
    assertThat(onTarget("late", "SELECT count(*) FROM debit")).isEqualTo("20000");
    nothingIsLeft("late");
  }

  @Test
  void anIndexOfAnEarlierRunIsNotBuiltForALaterOne() throws Exception {
    Move first = bank("build");
    Move second = run(first, "build~22222222");
    CloneByHand early = new CloneByHand(first);
    early.claim();
    early.keepNext();
    early.open();
    CopySessions sessions = new CopySessions(new Databases(new Secrets()), first);
    early.killKeeper();
    try (CloneByHand clone = new CloneByHand(second)) {
      clone.claim();
      clone.keepNext();
      clone.open();
      pair.target()
          .execute(
              "build",
              "UPDATE whimbrel.copy_piece SET done_at = now(), rows = 0 WHERE kind = 'rows'");
      RowSession late = sessions.rowsToTarget();
      late.connection().setAutoCommit(false);
      CopyList.Piece piece = new CopyList(late.connection()).take(first).orElseThrow();
      late.connection().rollback();

      boolean built = new IndexBuild(late.connection(), sessions, first).run(piece);
      late.close();

      assertThat(piece.isBuild()).isTrue();
      assertThat(built).isFalse();
    }
  }

  @Test
  void refusesATargetThatIsSomebodyElses() throws Exception {
    Move move = bank("taken");
    pair.target().execute("taken", "CREATE TABLE somebodys (id int)");
    assertThatThrownBy(() -> new CloneByHand(move).claim())
        .hasMessageContaining("Cannot clone into the target: it is not empty, it holds somebodys");
    assertThat(findings(move)).contains("BLOCKER target-not-empty");
    nothingIsLeft("taken");

    pair.target().execute("taken", "DROP TABLE somebodys");
    try (CloneByHand clone = new CloneByHand(move)) {
      clone.claim();
      assertThatThrownBy(() -> new CloneByHand(run(move, "other~33333333")).claim())
          .hasMessageContaining("belongs to clone taken (run 11111111)");
      assertThatThrownBy(() -> pair.claim(pair.move("taken")))
          .hasMessageContaining("belongs to clone taken (run 11111111)");
      assertThat(findings(run(move, "other~33333333"))).contains("BLOCKER claimed");
      assertThat(findings(move)).doesNotContain("BLOCKER claimed");
    }
  }

  @Test
  void needsNothingOfTheSourceButToReadIt() throws Exception {
    Move move = bank("reader");
    pair.source()
        .execute(
            "reader", "CREATE ROLE reader LOGIN", "REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    Move reading =
        new Move(
            move.migration(),
            new PostgresSpec(pair.source().url("reader", "reader"), null, null, null),
            move.target(),
            List.of(),
            List.of(),
            2,
            Duration.ofSeconds(1));
    assertThat(findings(reading)).contains("BLOCKER read-right");
    pair.source()
        .execute(
            "reader",
            "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader",
            "GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO reader");

    assertThat(findings(reading)).noneMatch(line -> line.startsWith("BLOCKER"));
    try (CloneByHand clone = new CloneByHand(reading)) {
      clone.bring();

      assertThat(clone.verify().differences()).isZero();
      clone.release();
    }
    nothingIsLeft("reader");
  }

  private static List<String> findings(Move move) {
    return new PostgresCloning(new Secrets())
        .lookBeforeCloning(move).findings().stream().map(PostgresCloningTest::words).toList();
  }

  private static String words(Finding finding) {
    return finding.level() == Finding.Level.BLOCKER
        ? "BLOCKER " + finding.check()
        : finding.level() + " " + finding.check();
  }

  /** A database whose two tables belong together, on the source, and an empty target. */
  private static Move bank(String name) {
    return bank(pair, name);
  }

  static Move bank(Pairs servers, String name) {
    servers.source().createDatabase(name);
    servers.target().createDatabase(name);
    servers.source().execute(name, Transfers.SCHEMA);
    return run(servers.move(name, 2), name + "~11111111");
  }

  private static Move run(Move move, String run) {
    return new Move(
        run,
        move.source(),
        move.target(),
        List.of(),
        List.of(),
        move.jobs(),
        Duration.ofSeconds(1));
  }

  private static String keeper(String database) throws Exception {
    return onSource(
        database,
        KEEPERS.replace("count(*)", "coalesce(max(pid)::text, '')").replace("%s", database));
  }

  private static void nothingIsLeft(String database) throws Exception {
    assertThat(onTarget(database, "SELECT to_regnamespace('whimbrel') IS NULL")).isEqualTo("t");
    assertThat(onTarget(database, "SELECT count(*) FROM pg_trigger WHERE tgname ~ '^whimbrel'"))
        .isEqualTo("0");
    for (PostgresServer server : List.of(pair.source(), pair.target())) {
      Wait.until(
          "no session is left",
          LIMIT,
          () ->
              Pairs.value(
                      server,
                      database,
                      "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'whimbrel %' AND datname = current_database()")
                  .equals("0"));
    }
    assertThat(onSource(database, "SELECT to_regnamespace('whimbrel') IS NULL")).isEqualTo("t");
    assertThat(onSource(database, "SELECT count(*) FROM pg_publication")).isEqualTo("0");
    assertThat(onSource(database, "SELECT count(*) FROM pg_replication_slots")).isEqualTo("0");
  }

  private interface Asking<T> {
    T ask() throws Exception;
  }

  private static <T> T quietly(Asking<T> question) {
    try {
      return question.ask();
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  private static String onSource(String database, String sql) throws Exception {
    return Pairs.value(pair.source(), database, sql);
  }

  private static String onTarget(String database, String sql) throws Exception {
    return Pairs.value(pair.target(), database, sql);
  }
}
