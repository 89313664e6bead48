package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.CloneLook;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.PostgresServer;
import dev.whimbrel.servers.Program;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

@Needs(Program.PG_DUMP)
class CloneFromStandbyTest {
  private static Pairs pair;
  private static PostgresServer standby;

  @BeforeAll
  static void startServers() {
    pair = Pairs.of(16, 16);
    standby = pair.source().standby();
  }

  @AfterAll
  static void stopServers() {
    standby.close();
    pair.close();
  }

  @Test
  void holdsOneSnapshotOfAStandbyWhosePrimaryIsWrittenTo() throws Exception {
    Move move = bank("bank");
    pair.source()
        .execute(
            "bank",
            "CREATE UNLOGGED TABLE counted (id serial PRIMARY KEY)",
            "SELECT lo_from_bytea(7, 'from the primary')");
    awaitReplay();
    CloneLook look = new PostgresCloning(new Secrets()).lookBeforeCloning(move);
    VerificationReport verification;
    try (Transfers transfers = new Transfers(pair.source(), "bank");
        CloneByHand clone = new CloneByHand(move)) {
      transfers.awaitSome();
      clone.bring();
      verification = clone.verify();

      assertThat(look.blockers()).isEmpty();
      assertThat(look.findings().stream().map(each -> each.check() + " " + each.subject()))
          .contains("standby source", "unlogged quick", "unlogged counted");
      assertThat(verification.differences()).as(verification.findings().toString()).isZero();
      assertThat(verification.notCompared())
          .contains("public.quick: it is unlogged: streams do not carry it");
      assertThat(clone.report().leftOut())
          .contains(
              "public.quick: unlogged, no standby has its rows",
              "public.counted_id_seq: an unlogged sequence, no standby has its value");
      clone.release();
    }
    assertThat(onTarget("bank", "SELECT (SELECT sum(n) FROM debit) + (SELECT sum(n) FROM credit)"))
        .isEqualTo("0");
    assertThat(onTarget("bank", "SELECT nextval('debit_id_seq') > max(id) FROM debit"))
        .isEqualTo("t");
    assertThat(onTarget("bank", "SELECT count(*) FROM quick")).isEqualTo("0");
    assertThat(onTarget("bank", "SELECT convert_from(lo_get(7), 'UTF8')"))
        .isEqualTo("from the primary");
    assertThat(
            Pairs.value(
                standby,
                "bank",
                "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'whimbrel %' AND state = 'active'"))
        .isEqualTo("0");
  }

  @Test
  void saysHowToKeepTheStandbyFromEndingItForItsRecovery() throws Exception {
    Move move = bank("conflict");
    awaitReplay();
    standby.execute(
        "postgres",
        "ALTER SYSTEM SET max_standby_streaming_delay = '100ms'",
        "SELECT pg_reload_conf()");
    try (CloneByHand clone = new CloneByHand(move)) {
      clone.claim();
      clone.keepNext();
      clone.open();
      pair.source().execute("conflict", "DELETE FROM credit WHERE id < 10000", "VACUUM credit");

      assertThat(clone.whyLost())
          .startsWith("the standby has ended the session that kept it")
          .contains("conflict with recovery", "hot_standby_feedback = on");
    } finally {
      standby.execute(
          "postgres", "ALTER SYSTEM RESET max_standby_streaming_delay", "SELECT pg_reload_conf()");
    }
  }

  private static Move bank(String name) {
    Move move = PostgresCloningTest.bank(pair, name);
    return new Move(
        move.migration(),
        new PostgresSpec(standby.url(name), null, null, null),
        move.target(),
        List.of(),
        List.of(),
        2,
        Duration.ofSeconds(1));
  }

  private static void awaitReplay() throws Exception {
    String written = Pairs.value(pair.source(), "postgres", "SELECT pg_current_wal_insert_lsn()");
    Wait.until(
        "the standby has replayed",
        Duration.ofSeconds(60),
        () ->
            Pairs.value(standby, "postgres", "SELECT pg_last_wal_replay_lsn() >= '" + written + "'")
                .equals("t"));
  }

  private static String onTarget(String database, String sql) throws Exception {
    return Pairs.value(pair.target(), database, sql);
  }
}
