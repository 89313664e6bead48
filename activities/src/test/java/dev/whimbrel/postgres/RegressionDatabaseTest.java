package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.PostgresServer;
import dev.whimbrel.servers.Program;
import dev.whimbrel.servers.RegressionDatabase;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Tag("campaign")
@Needs({Program.REGRESSION, Program.PG_DUMP_18})
class RegressionDatabaseTest {

  /**
   * What {@code pg_dump | psql} cannot carry to a newer server of another build either. The tables
   * are those that PostgreSQL's own tests of {@code pg_upgrade} drop (AdjustUpgrade.pm, "Can't
   * handle child tables with locally-generated columns"). The library of functions in C is of one
   * version, and those servers are built without LZ4.
   */
  private static final String[] STAYING = {
    "DROP TABLE gtest_normal_child, gtest_normal_child2",
    """
    DO $$
    DECLARE each regprocedure;
    BEGIN
      LOOP
        SELECT p.oid INTO each FROM pg_proc p JOIN pg_language l ON l.oid = prolang
        WHERE lanname = 'c' AND probin NOT LIKE '$libdir/%' ORDER BY proname LIMIT 1;
        EXIT WHEN each IS NULL;
        EXECUTE format('DROP FUNCTION %s CASCADE', each);
      END LOOP;
    END $$
    """,
    """
    DO $$
    DECLARE each record;
    BEGIN
      FOR each IN
        SELECT CASE relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END AS kind,
          c.oid::regclass AS relation, attname
        FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
        WHERE attcompression = 'l' AND relkind IN ('r', 'p', 'm')
      LOOP
        EXECUTE format('ALTER %s %s ALTER %I SET COMPRESSION default', each.kind, each.relation, each.attname);
      END LOOP;
    END $$
    """
  };

  @Test
  void arrivesAsItIs() throws Exception {
    try (Pairs pair =
        new Pairs(RegressionDatabase.server().start(), RegressionDatabase.server().start())) {
      System.out.println(RegressionDatabase.create(pair.source()));

      arrives(pair);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {16, 18})
  void arrivesAtANewerServer(int version) throws Exception {
    try (Pairs pair =
        new Pairs(RegressionDatabase.server().start(), PostgresServer.start(version))) {
      System.out.println(RegressionDatabase.create(pair.source()));
      pair.source().execute(RegressionDatabase.NAME, STAYING);

      arrives(pair);
    }
  }

  private static void arrives(Pairs pair) throws Exception {
    pair.target().createDatabase(RegressionDatabase.NAME);
    Move move = pair.move(RegressionDatabase.NAME);
    Carriage carriage = new Carriage(pair, move);

    carriage.followTheAdvice();
    VerificationReport report = carriage.carry();

    assertThat(report.findings()).isEmpty();
    assertThat(report.tables()).isGreaterThan(500);
    assertThat(report.rows()).isGreaterThan(400_000);
    carriage.assertArrivedWhole();
    carriage.end();
  }
}
