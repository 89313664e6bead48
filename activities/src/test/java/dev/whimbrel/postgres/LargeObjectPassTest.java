package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.activity.VerifyRequest;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.PostgresServer;
import dev.whimbrel.servers.Program;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What was written to large objects arrives as it is, from pass to pass, and goes away again. */
@Needs(Program.PG_DUMP_18)
class LargeObjectPassTest {
  /** Everything about every object, piece by piece. */
  private static final String ALL =
      """
      SELECT string_agg(concat_ws('|', m.oid, pg_get_userbyid(m.lomowner), m.lomacl::text, obj_description(m.oid, 'pg_largeobject'),
               (SELECT string_agg(l.pageno || ':' || md5(l.data), ',' ORDER BY l.pageno) FROM pg_largeobject l WHERE l.loid = m.oid),
               (SELECT string_agg(s.deptype::text || ' ' || pg_get_userbyid(s.refobjid), ',' ORDER BY s.deptype, pg_get_userbyid(s.refobjid))
                  FROM pg_shdepend s WHERE s.classid = 2613 AND s.objid = m.oid
                   AND s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()))), E'\\n' ORDER BY m.oid)
        FROM pg_largeobject_metadata m""";

  private static Pairs pair;
  private final Secrets secrets = new Secrets();

  @BeforeAll
  static void start() {
    // Nobody else has a transaction open while a pass looks.
    pair =
        new Pairs(
            PostgresServer.version(13).set("autovacuum", "off").start(),
            PostgresServer.version(18).set("autovacuum", "off").start());
    for (PostgresServer server : List.of(pair.source(), pair.target())) {
      server.execute(
          "postgres", "CREATE ROLE owner", "CREATE ROLE \"A reader\"", "CREATE ROLE other");
    }
  }

  @AfterAll
  static void stop() {
    pair.close();
  }

  @Test
  void bringsWhatChangedSinceThePassBefore() throws Exception {
    Move move = closed("changes");
    source(
        move,
        "SELECT lo_from_bytea(1, convert_to(repeat('abc', 5000), 'UTF8'))",
        "SELECT lo_create(2)",
        "SELECT lo_put(2, 100000, 'behind a hole')",
        "SELECT lo_from_bytea(3, 'three'), lo_from_bytea(4, 'four'), lo_create(5), lo_from_bytea(4000000000, 'large')",
        "ALTER LARGE OBJECT 3 OWNER TO owner",
        "GRANT SELECT ON LARGE OBJECT 3 TO \"A reader\" WITH GRANT OPTION",
        "GRANT SELECT, UPDATE ON LARGE OBJECT 3, 4 TO other",
        "GRANT SELECT ON LARGE OBJECT 4 TO PUBLIC",
        "COMMENT ON LARGE OBJECT 3 IS 'it''s \\ odd'",
        "COMMENT ON LARGE OBJECT 4 IS 'four'");
    assertThat(pass(move)).isPositive();
    assertSame(move);

    source(
        move,
        "SELECT lo_put(1, 7000, 'changed')",
        "SELECT lo_truncate(lo_open(1, 131072), 9000)",
        "SELECT lo_unlink(2)",
        "SELECT lo_unlink(4)",
        "SELECT lo_create(4)",
        "SELECT lo_put(4, 5000, 'another')",
        "COMMENT ON LARGE OBJECT 3 IS NULL",
        "REVOKE ALL ON LARGE OBJECT 3 FROM other",
        "GRANT SELECT ON LARGE OBJECT 1 TO other",
        "SELECT lo_create(6)",
        "ALTER LARGE OBJECT 5 OWNER TO other");
    pass(move);
    assertSame(move);
    assertThatThrownBy(() -> pair.target().execute(move.migration(), "DROP ROLE other"))
        .hasStackTraceContaining("cannot be dropped");

    assertThat(pass(move)).isZero();
    source(move, "SELECT lo_unlink(oid) FROM pg_largeobject_metadata");
    pass(move);
    assertSame(move);
  }

  @Test
  void missesNothingOfATransactionThatWasOpenDuringAPass() throws Exception {
    Move move = closed("open");
    source(move, "SELECT lo_from_bytea(1, 'one')");
    pass(move);
    try (Connection slow = pair.source().connect(move.migration());
        Statement statement = slow.createStatement()) {
      slow.setAutoCommit(false);
      statement.execute("SELECT lo_put(1, 0, 'two')");
      source(move, "SELECT lo_from_bytea(2, 'younger')");
      pass(move);
      slow.commit();
    }

    pass(move);

    assertSame(move);
  }

  @Test
  void bringsEverythingAgainFromAnotherServer() throws Exception {
    Move move = closed("server");
    source(move, "SELECT lo_from_bytea(1, 'one')");
    pass(move);
    pair.target()
        .execute(
            move.migration(),
            "UPDATE pg_largeobject SET data = 'damaged'",
            "INSERT INTO pg_largeobject VALUES (1, 7, 'more')");
    assertThat(pass(move)).isZero();

    pair.target()
        .execute(move.migration(), "UPDATE whimbrel.large_object_pass SET server = server || 'x'");
    pass(move);

    assertSame(move);
  }

  /** Without a flushed log a server gives the same numbers out again when it comes back. */
  @Test
  void keepsNoNumberThatACrashGivesOutAgain() throws Exception {
    try (Pairs own =
        new Pairs(
            PostgresServer.version(15)
                .set("autovacuum", "off")
                .set("wal_writer_delay", "10s")
                .start(),
            PostgresServer.start(16))) {
      Move move = closed(own, "crash");
      own.source().execute("crash", "SELECT lo_from_bytea(1, 'one')");
      try (Connection source = own.source().connect("crash");
          Statement statement = source.createStatement()) {
        statement.execute("SET synchronous_commit = off");
        for (int i = 0; i < 10; i++) {
          statement.execute("SELECT pg_current_xact_id()");
        }
      }
      pass(move);

      own.source().stopImmediate();
      own.source().start();
      own.source().execute("crash", "SELECT lo_put(1, 0, 'two')");
      pass(move);

      assertThat(Pairs.value(own.target(), "crash", "SELECT convert_from(lo_get(1), 'UTF8')"))
          .isEqualTo("two");
    }
  }

  /** What a pass has brought must not be taken back on the truth, where it would look old. */
  @Test
  void bringsNothingThatACrashTakesBack() throws Exception {
    try (Pairs own =
        new Pairs(
            PostgresServer.version(15)
                .set("autovacuum", "off")
                .set("wal_writer_delay", "10s")
                .start(),
            PostgresServer.start(16))) {
      Move move = closed(own, "lazy");
      own.source()
          .execute("lazy", "SELECT lo_from_bytea(1, 'one'), lo_from_bytea(2, 'two'), lo_create(3)");
      pass(move);
      own.source().execute("lazy", "SET synchronous_commit = off", "SELECT lo_put(1, 0, 'new')");

      assertThatThrownBy(
              () ->
                  pass(
                      move,
                      rows -> {
                        own.source().stopImmediate();
                        throw new IllegalStateException("the worker dies too");
                      }))
          .hasMessageContaining("the worker dies too");
      own.source().start();
      pass(move);

      assertThat(Pairs.value(own.target(), "lazy", ALL))
          .isEqualTo(Pairs.value(own.source(), "lazy", ALL));
    }
  }

  @Test
  void bringsAllAgainWhereSomeAreMissingThatAreOld() throws Exception {
    Move move = closed("lacking");
    source(move, "SELECT lo_from_bytea(1, 'one'), lo_from_bytea(2, 'two'), lo_create(3)");
    pass(move);
    pair.target().execute(move.migration(), "DELETE FROM pg_largeobject_metadata WHERE oid = 2");
    source(move, "SELECT lo_create(4)");

    pass(move);

    assertSame(move);
  }

  /** As many on both sides, but not the same. */
  @Test
  void bringsWhatIsMissingWhereAsManyAreGoneOnTheTruth() throws Exception {
    for (String gone : new String[] {"3", "3, 4"}) {
      Move move = closed("hidden" + gone.length());
      source(move, "SELECT lo_create(i) FROM generate_series(1, 5) i");
      pass(move);
      pair.target().execute(move.migration(), "DELETE FROM pg_largeobject_metadata WHERE oid = 2");
      source(
          move,
          "SELECT lo_unlink(oid) FROM pg_largeobject_metadata WHERE oid IN (%s)".formatted(gone));

      pass(move);

      assertSame(move);
    }
  }

  @Test
  void bringsManyInManyMessages() throws Exception {
    Move move = closed("many");
    source(
        move,
        "SELECT lo_from_bytea(0, convert_to(repeat('x', i), 'UTF8')) FROM generate_series(1, 3500) i");
    pass(move);
    assertSame(move);
    source(
        move,
        "SELECT lo_unlink(oid) FROM pg_largeobject_metadata WHERE oid::bigint % 3 = 0",
        "SELECT lo_put(oid, 0, 'y') FROM pg_largeobject_metadata");

    pass(move);

    assertSame(move);
  }

  /** Beyond what travels at once: only the numbers of ranges that differ do. */
  @Test
  void removesSomeOfVeryMany() throws Exception {
    Move move = closed("very_many");
    source(
        move,
        "SELECT lo_create(i) FROM generate_series(1, 41000) i",
        "SELECT lo_create((3000000000 + i)::oid) FROM generate_series(1, 300) i",
        "INSERT INTO pg_description SELECT oid, 2613, 0, 'c' FROM pg_largeobject_metadata WHERE oid <= 20100");
    pass(move);
    source(
        move,
        "SELECT lo_unlink(1), lo_unlink(20000), lo_unlink(40999), lo_unlink(3000000007::oid)",
        "COMMENT ON LARGE OBJECT 17 IS NULL",
        "SELECT lo_create(50000)");
    pass(move);
    assertSame(move);

    // As lo_unlink does, which takes a lock for each.
    source(
        move,
        "DELETE FROM pg_largeobject_metadata WHERE oid > 500",
        "DELETE FROM pg_description WHERE classoid = 2613 AND objoid > 500");
    pass(move);
    assertSame(move);
  }

  @Test
  void keepsOwnersAndRightsOfRolesThatTheTargetLacksOut() throws Exception {
    Move move = closed("roles");
    source(
        move,
        "CREATE ROLE only_here",
        "SELECT lo_create(1)",
        "GRANT SELECT ON LARGE OBJECT 1 TO only_here, other",
        "SELECT lo_create(2)",
        "ALTER LARGE OBJECT 2 OWNER TO only_here");

    pass(move);

    assertThat(
            Pairs.value(
                pair.target(),
                move.migration(),
                "SELECT string_agg(pg_get_userbyid(lomowner) || ' ' || coalesce(lomacl::text, ''), ';' ORDER BY oid) FROM pg_largeobject_metadata"))
        .isEqualTo("postgres {postgres=rw/postgres,other=r/postgres};postgres ");
  }

  @Test
  void refusesATargetThatHasObjectsOfItsOwn() throws Exception {
    Move move = closed("occupied");
    source(move, "SELECT lo_create(1)");
    pair.target().execute(move.migration(), "SELECT lo_create(9)");

    assertThatThrownBy(() -> pass(move))
        .hasMessageContaining("The target holds large objects that this migration has not brought");
    assertThat(
            Pairs.value(pair.target(), move.migration(), "SELECT oid FROM pg_largeobject_metadata"))
        .isEqualTo("9");
  }

  @Test
  void doesNotBringToASideThatHasBecomeTheTruth() throws Exception {
    Move move = closed("late");
    source(move, "SELECT lo_create(1)");
    pair.target().execute(move.migration(), "UPDATE whimbrel.authority SET writable = 'target'");

    assertThatThrownBy(() -> pass(move)).hasMessageContaining("writes go to the target already");
  }

  /** From the plan to the undo, as a migration does it. */
  @Test
  void carriesComparesAndTakesBack() throws Exception {
    Move move = pair.move("whole");
    pair.source().createDatabase("whole");
    pair.target().createDatabase("whole");
    source(
        move,
        "CREATE TABLE docs (id int PRIMARY KEY, content oid)",
        "INSERT INTO docs VALUES (1, lo_from_bytea(0, 'one')), (2, lo_from_bytea(0, 'two'))");
    PostgresPreflight preflight = new PostgresPreflight(secrets);
    PostgresSchema schema = new PostgresSchema(secrets);
    PostgresReplication replication = new PostgresReplication(secrets);

    assertThat(preflight.preflight(move).blockers()).isEmpty();
    assertThat(preflight.preflight(move).findings())
        .filteredOn(finding -> finding.check().equals("large-objects"))
        .extracting(Finding::level)
        .containsExactly(Finding.Level.NOTE);
    preflight.claim(move);
    schema.createTables(move);
    schema.createKeys(move);
    replication.subscribe(move);
    replication.awaitCopied(move);
    schema.createRest(move);
    replication.awaitCaughtUp(move);
    String outcome = replication.carrySequences(move).line();
    assertThat(outcome).contains("rows of large objects brought");
    assertSame(move);
    assertThat(verify(move).findings()).isEmpty();
    assertThat(verify(move).inFlux()).isZero();

    source(move, "SELECT lo_put(content, 0, 'x') FROM docs WHERE id = 1");
    assertThat(verify(move).findings()).isEmpty();
    assertThat(verify(move).inFlux()).isEqualTo(1);
    pair.target()
        .execute(
            "whole",
            "UPDATE pg_largeobject SET data = 'damaged' WHERE loid = (SELECT content FROM docs WHERE id = 2)");
    assertThat(verify(move).findings())
        .hasSize(1)
        .allMatch(line -> line.matches("large object \\d+: differs"));

    replication.unsubscribe(move);
    schema.dropSchema(move);
    preflight.release(move);
    assertThat(rights(pair.source(), "whole")).isEqualTo(rights(pair.source(), "postgres"));
    assertThat(rights(pair.target(), "whole"))
        .isEqualTo(rights(pair.target(), "postgres"))
        .contains("default");
    assertThat(
            Pairs.value(
                pair.target(),
                "whole",
                "SELECT (SELECT count(*) FROM pg_largeobject_metadata) + (SELECT count(*) FROM pg_largeobject)"
                    + " + (SELECT count(*) FROM pg_shdepend WHERE classid = 2613 AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database()))"))
        .isEqualTo("0");
    assertThat(Pairs.value(pair.source(), "whole", "SELECT count(*) FROM pg_largeobject_metadata"))
        .isEqualTo("2");
  }

  private static String rights(PostgresServer server, String database) throws SQLException {
    return Pairs.value(server, database, LargeObjectSwitchoverTest.RIGHTS);
  }

  private VerificationReport verify(Move move) {
    return new PostgresVerification(secrets, progress -> {})
        .verify(new VerifyRequest(move, Side.SOURCE));
  }

  /** A pair of databases whose target follows. */
  private static Move closed(String name) throws SQLException {
    return closed(pair, name);
  }

  private static Move closed(Pairs pair, String name) throws SQLException {
    Move move = pair.database(name);
    try (Connection target = pair.target().connect(name)) {
      Fence.install(target);
      Fence.close(target);
    }
    return move;
  }

  private static void source(Move move, String... sql) {
    pair.source().execute(move.migration(), sql);
  }

  /** One pass; returns how many rows it has brought. */
  private static long pass(Move move) throws SQLException {
    long[] rows = new long[1];
    pass(move, so -> rows[0] = so);
    return rows[0];
  }

  private static void pass(Move move, LargeObjectPass.Step step) throws SQLException {
    Databases databases = new Databases(new Secrets());
    try (Connection truth = EarlyLargeObjects.open(databases, move, Side.SOURCE);
        Connection beside = EarlyLargeObjects.open(databases, move, Side.SOURCE);
        Connection follower = EarlyLargeObjects.open(databases, move, Side.TARGET)) {
      new LargeObjectPass(
              move.migration(),
              Side.SOURCE,
              sql -> EarlyLargeObjects.ask(truth, sql),
              sql -> EarlyLargeObjects.ask(follower, sql),
              sql -> EarlyLargeObjects.ask(beside, sql),
              step)
          .run();
    }
  }

  private static void assertSame(Move move) throws SQLException {
    assertThat(Pairs.value(pair.target(), move.migration(), ALL))
        .isEqualTo(Pairs.value(pair.source(), move.migration(), ALL));
  }
}
