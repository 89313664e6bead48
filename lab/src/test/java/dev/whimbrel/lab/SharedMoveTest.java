package dev.whimbrel.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.lab.Product.Ran;
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

/**
 * A service moves by three subscriptions that share its tables, by the real commands: its worker
 * dies, it goes back from the rollback window, and moves again by two.
 */
@Tag("campaign")
@Needs({Program.TEMPORAL, Program.PG_DUMP})
class SharedMoveTest {
  private static final String NAME = "shared";
  private static final LabRunbook QUICK = LabRunbook.quick(NAME);
  private static final LabRunbook LONG_WINDOW = QUICK.withWindow(Duration.ofMinutes(30));

  @Test
  void goesOverByThreeStreamsAndBackAndOverByTwo() throws Exception {
    try (Journey journey =
        Journey.begin(LabWorld.build().withoutDns(), NAME, Duration.ofSeconds(8))) {
      journey.startChanged(LONG_WINDOW, by(3));
      journey.awaitStep("replicate.copy");
      journey.awaitAcknowledged(300);
      journey.killAndReplaceWorker();
      journey.awaitStep("replicate.soak");
      assertThat(subscriptions(journey)).isEqualTo("3");
      journey.killAndReplaceWorker();
      journey.awaitStep("cutover.window");
      journey.awaitAcknowledged(1_000);
      Ran ran = journey.rollBackByCommand();
      assertThat(ran.exit()).as(ran.out() + ran.err()).isZero();
      journey.assertRolledBackWhole();

      journey.startChanged(QUICK, by(2));
      journey.awaitStep("replicate.soak");
      assertThat(subscriptions(journey)).isEqualTo("2");
      journey.assertMigrated();
      journey.judge(true);
      assertThat(
              value(
                  journey.world().target(),
                  "SELECT count(*) FROM pg_subscription UNION ALL SELECT count(*) FROM pg_namespace WHERE nspname = 'whimbrel' ORDER BY 1 DESC"))
          .isEqualTo("0");
      assertThat(
              value(
                  journey.world().source(),
                  "SELECT string_agg(relname, ' ' ORDER BY 1) FROM pg_class WHERE relnamespace = 'whimbrel'::regnamespace AND relname LIKE 'marker%'"))
          .isEqualTo("null");
    }
  }

  private static Map<String, String> by(int subscriptions) {
    return Map.of("replicate: {jobs", "replicate: {subscriptions: " + subscriptions + ", jobs");
  }

  private static String subscriptions(Journey journey) {
    return value(journey.world().target(), "SELECT count(*) FROM pg_subscription WHERE subenabled");
  }

  private static String value(PostgresServer server, String sql) {
    try (Connection database = server.connect(Shop.DATABASE);
        Statement statement = database.createStatement();
        ResultSet row = statement.executeQuery(sql)) {
      return row.next() ? String.valueOf(row.getString(1)) : "";
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }
}
