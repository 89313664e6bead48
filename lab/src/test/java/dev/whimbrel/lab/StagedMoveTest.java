package dev.whimbrel.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.PostgresServer;
import dev.whimbrel.servers.Program;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A service moves whose critical tables come first, by the real commands, and its worker dies. */
@Tag("campaign")
@Needs({Program.TEMPORAL, Program.PG_DUMP})
class StagedMoveTest {
  private static final Duration COPY = Duration.ofSeconds(12);
  private static final LabRunbook QUICK = LabRunbook.quick("staged");

  @Test
  void theWorkerDiesWhileTheRestIsCopiedAndWhatIsLiveStaysLive() throws Exception {
    try (Journey journey = Journey.begin(LabWorld.build().withoutDns(), QUICK.name(), COPY)) {
      PostgresServer target = journey.world().target();
      journey.startChanged(
          QUICK,
          Map.of(
              "replicate: {jobs",
              "replicate: {method: staged, stages: [{tables: [public.orders, public.customers]}], jobs"));
      journey.await(
          "the first stage is live",
          status ->
              value(target, "SELECT live_at IS NOT NULL FROM whimbrel.copy_stage WHERE number = 1")
                  .equals("t"));
      String stored = value(target, "SELECT pg_relation_filenode('orders')");

      arrives(journey);
      assertThat(value(target, "SELECT count(*) FROM slow_to_copy")).isEqualTo("0");
      journey.killAndReplaceWorker();
      arrives(journey);
      assertThat(journey.whereItIs()).startsWith("replicate.copy");

      journey.assertMigrated();
      journey.judge(true);
      assertThat(value(target, "SELECT pg_relation_filenode('orders')")).isEqualTo(stored);
    }
  }

  /** Orders of now are on the target though the rest is still copied. */
  private static void arrives(Journey journey) {
    String latest = "SELECT max(id) FROM orders";
    long now = Long.parseLong(value(journey.world().source(), latest));
    journey.awaitAcknowledged(50);
    journey.await(
        "orders arrive", status -> Long.parseLong(value(journey.world().target(), latest)) > now);
  }

  /** The first value, or nothing where the table is not there yet. */
  private static String value(PostgresServer server, String sql) {
    try (Connection database = server.connect(Shop.DATABASE);
        Statement statement = database.createStatement();
        ResultSet row = statement.executeQuery(sql)) {
      return row.next() ? String.valueOf(row.getString(1)) : "";
    } catch (SQLException e) {
      return "";
    }
  }
}
