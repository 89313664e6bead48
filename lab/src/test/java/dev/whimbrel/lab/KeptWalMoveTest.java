package dev.whimbrel.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.migration.MigrationStatus;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.PostgresServer;
import dev.whimbrel.servers.Program;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;

/**
 * Slots keep more of a server's log than the runbook allows: production goes on, and it is told.
 */
@Needs({Program.TEMPORAL, Program.PG_DUMP})
class KeptWalMoveTest {
  private static final String NAME = "full";
  private static final LabRunbook QUICK = LabRunbook.quick(NAME).withWindow(Duration.ofMinutes(10));
  private static final Map<String, String> LIMITED =
      Map.of("maxLag: 2s}", "maxLag: 2s, wal: {limit: 256MB}}");

  @Test
  void goesBackByItselfWhenACopyKeepsTooMuchOfTheSourcesLog() throws Exception {
    try (Journey journey =
        Journey.begin(LabWorld.build().withoutDns(), NAME, Duration.ofMinutes(2))) {
      journey.startChanged(QUICK, LIMITED);
      journey.awaitStep("replicate.copy");
      awaitTold(journey, "of WAL kept on the source for the slots, limit 256 MB");

      write(journey.world().source(), 225);
      awaitTold(
          journey,
          "% of the limit of 256 MB (as the runbook says)",
          "; at the limit they are dropped: the copy is lost, and the migration goes back");
      write(journey.world().source(), 60);

      MigrationStatus end = journey.assertRolledBackWhole();
      assertThat(LabMigration.summary(end))
          .contains("and were dropped so that its disk does not fill; the copy is lost with them");
      journey.judge(false);
    }
  }

  @Test
  void saysInCapitalsThatTheWayBackIsLostWhenTheTargetsLogIsNotFetched() throws Exception {
    try (Journey journey = Journey.begin(LabWorld.build().withoutDns(), NAME, Duration.ZERO)) {
      journey.startChanged(QUICK.approved(), LIMITED);
      journey.await("approval", status -> status.state() == State.WAITING_FOR_APPROVAL);
      awaitTold(journey, "of WAL kept on the source for the slots, limit 256 MB");
      journey.approve();
      journey.await("window", status -> "cutover.window".equals(status.step()));
      assertThat(told(journey)).contains("GO BACK: yes");

      journey.world().source().kill9();
      write(journey.world().target(), 225);
      awaitTold(
          journey,
          "WARNING: the slots keep ",
          " on the target, ",
          "; at the limit they are dropped: THE WAY BACK IS LOST");
      write(journey.world().target(), 60);

      awaitTold(
          journey,
          "WRITES GO TO: target",
          "GO BACK: NO, THE WAY BACK IS LOST: the slots kept ",
          "limit 256 MB (as the runbook says), and were dropped so that its disk does not fill; writes stay on the target");
      assertThat(journey.world().product().run("history", NAME).out())
          .contains("slots dropped: THE WAY BACK IS LOST");
      assertThat(journey.rollBackByCommand().err())
          .contains("Cannot roll back: THE WAY BACK IS LOST");
      assertThat(slots(journey.world().target())).isEqualTo("0");
      journey.awaitAcknowledged(100);
    }
  }

  private static String told(Journey journey) {
    return journey.world().product().run("status", NAME).out();
  }

  private static void awaitTold(Journey journey, String... parts) {
    Poll.until(
        String.join(" … ", parts),
        Duration.ofMinutes(1),
        () -> {
          String told = told(journey);
          for (String part : parts) {
            if (!told.contains(part)) {
              return false;
            }
          }
          return true;
        });
  }

  /** So much log that no stream carries. */
  private static void write(PostgresServer server, int megabytes) {
    server.execute(
        Shop.DATABASE,
        "SELECT count(pg_logical_emit_message(false, 'test', repeat('x', 1048576)))"
            + " FROM generate_series(1, "
            + megabytes
            + ")");
  }

  private static String slots(PostgresServer server) throws Exception {
    try (var connection = server.connect(Shop.DATABASE);
        var statement = connection.createStatement();
        var row = statement.executeQuery("SELECT count(*) FROM pg_replication_slots")) {
      row.next();
      return row.getString(1);
    }
  }
}
