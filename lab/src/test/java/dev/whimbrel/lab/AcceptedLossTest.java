package dev.whimbrel.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.lab.Product.Ran;
import dev.whimbrel.migration.MigrationResult.Ending;
import dev.whimbrel.migration.MigrationStatus;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.PostgresServer;
import dev.whimbrel.servers.Program;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * A side that is lost for good: nothing is decided before a named person accepts the loss; then the
 * migration ends well, and a side that comes back does not take writes.
 */
@Tag("campaign")
@Needs({Program.TEMPORAL, Program.PG_DUMP})
class AcceptedLossTest {
  private static final String NAME = "lossy";
  private static final Duration CLOSED = Duration.ofMinutes(1);
  private static final Pattern CLOSING =
      Pattern.compile("ALTER DATABASE .* ALLOW_CONNECTIONS false; SELECT [^;]*;");

  private static final LabRunbook SHORT = LabRunbook.quick(NAME).approved();
  private static final String SHORT_PATIENT = "rollback: {window: 5s}";
  private static final String SHORT_IMPATIENT = "rollback: {window: 5s, patience: 5s}";

  private static final LabRunbook LONG = LabRunbook.quick(NAME).withWindow(Duration.ofMinutes(10));
  private static final String LONG_PATIENT = "rollback: {window: 600s}";
  private static final String LONG_IMPATIENT = "rollback: {window: 600s, patience: 5s}";

  @Test
  void theSourceIsLostBeforeTheHandOver() throws Exception {
    try (Journey journey = begin()) {
      journey.startChanged(SHORT, Map.of(SHORT_PATIENT, SHORT_IMPATIENT));
      promoteWithoutTheSource(journey);

      journey.await("the end's approval", AcceptedLossTest::asksForTheEnd);
      journey.approve();
      MigrationStatus end = journey.awaitEnd();

      assertThat(end.result()).as(LabMigration.summary(end)).isEqualTo(Ending.MIGRATED);
      assertThat(LabMigration.summary(end))
          .contains(
              ": the source is gone (loss accepted by ana@example.com: region lost), and its clients",
              ": the way back went with the source",
              "Should it come back, run there before anything connects: ALTER DATABASE");
      PostgresServer source = journey.world().source();
      source.start();
      Matcher closing = CLOSING.matcher(LabMigration.summary(end));
      assertThat(closing.find()).isTrue();
      source.execute("postgres", closing.group());
      assertThatThrownBy(() -> source.connect(Shop.DATABASE, Shop.APPLICATION, null))
          .hasMessageContaining("not currently accepting connections");
    }
  }

  @Test
  void theSourceIsLostBeforeTheHandOverAndComesBackToBeClosed() throws Exception {
    try (Journey journey = begin()) {
      journey.startChanged(LONG.approved(), Map.of(LONG_PATIENT, LONG_IMPATIENT));
      promoteWithoutTheSource(journey);

      journey.world().source().start();

      awaitClosed(journey.world().source());
      assertThat(refuses(journey.world().target())).isFalse();
    }
  }

  /** Once the switchover is prepared, and before it compares once more and hands over. */
  private static void promoteWithoutTheSource(Journey journey) {
    journey.await("approval", status -> status.state() == State.WAITING_FOR_APPROVAL);
    journey.approve();
    journey.awaitStep("cutover.rehearse-reverse");
    journey.pause();
    journey.await("the pause", AcceptedLossTest::isPrepared);
    journey.world().source().kill9();
    Product product = journey.world().product();
    assertThat(product.run("resume", NAME).exit()).isZero();
    journey.awaitStep("cutover.verify-data");
    Ran skipped =
        product.run("skip", NAME, "--step", "cutover.verify-data", "--reason", "region lost");
    assertThat(skipped.exit()).as(skipped.err()).isZero();
    // What was approved included a fresh comparison.
    journey.await("approval", status -> status.state() == State.WAITING_FOR_APPROVAL);
    journey.approve();
    promoteOnceParked(journey);
    journey.await("window", status -> "cutover.window".equals(status.step()));
    journey.awaitAcknowledged(100);
  }

  /** A pause holds up the next step; the one before goes on until it has ended. */
  private static boolean isPrepared(MigrationStatus status) {
    return status.state() == State.PAUSED
        && status.steps().stream()
            .anyMatch(step -> step.id().equals("cutover.rehearse-reverse") && step.ended() != null);
  }

  private static boolean asksForTheEnd(MigrationStatus status) {
    return status.state() == State.WAITING_FOR_APPROVAL && status.phase().equals("decommission");
  }

  @Test
  void theTargetIsLostInTheWindowAndComesBackToBeClosed() throws Exception {
    try (Journey journey = begin()) {
      journey.startChanged(LONG, Map.of(LONG_PATIENT, LONG_IMPATIENT));
      journey.await("window", status -> "cutover.window".equals(status.step()));
      journey.awaitAcknowledged(500);
      journey.world().target().kill9();
      assertThat(journey.rollBackByCommand().exit()).isZero();
      journey.await("help", status -> status.state() == State.NEEDS_HELP);
      assertThat(told(journey))
          .contains(
              "The target cannot be reached for 5 s, and it is the truth (epoch 2",
              "Proven to have arrived on the source: everything up to",
              "whimbrel rollback lossy --accept-loss --by NAME --reason WHY");

      Ran accepted = acceptLoss(journey, "rollback");
      assertThat(accepted.out()).contains("it goes on without the writes that have not arrived");
      journey.await("the source", status -> "source".equals(status.writesGoTo()));
      journey.awaitAcknowledged(100);

      journey.world().target().start();
      awaitClosed(journey.world().target());
      MigrationStatus end = journey.awaitEnd();
      assertThat(end.result()).as(LabMigration.summary(end)).isEqualTo(Ending.ROLLED_BACK);
      assertThat(LabMigration.summary(end)).contains("loss accepted by ana@example.com");
    }
  }

  private static Journey begin() {
    return Journey.begin(LabWorld.build().withoutDns(), NAME, Duration.ZERO);
  }

  private static void promoteOnceParked(Journey journey) {
    journey.await("help", status -> status.state() == State.NEEDS_HELP);
    assertThat(told(journey))
        .contains(
            "The source cannot be reached for 5 s, and",
            "Proven to have arrived on the target: everything up to",
            "whimbrel promote lossy --accept-loss --by");
    Ran promoted = acceptLoss(journey, "promote");
    assertThat(promoted.out())
        .contains("opening the target without the source; what the source had not sent is lost");
  }

  private static Ran acceptLoss(Journey journey, String verb) {
    Ran ran =
        journey
            .world()
            .product()
            .run(
                verb,
                NAME,
                "--yes",
                "--accept-loss",
                "--by",
                "ana@example.com",
                "--reason",
                "region lost");
    assertThat(ran.exit()).as(ran.out() + ran.err()).isZero();
    return ran;
  }

  private static String told(Journey journey) {
    return journey.world().product().run("status", NAME).out();
  }

  private static void awaitClosed(PostgresServer server) {
    Poll.until("the side that came back is closed", CLOSED, () -> refuses(server));
  }

  private static boolean refuses(PostgresServer server) {
    try (Connection connection = server.connect(Shop.DATABASE, Shop.APPLICATION, null);
        Statement statement = connection.createStatement()) {
      statement.execute("UPDATE probes SET n = n + 1");
      return false;
    } catch (SQLException e) {
      return "25006".equals(e.getSQLState());
    }
  }
}
