package dev.whimbrel.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.migration.MigrationWorkflow;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.PostgresServer;
import dev.whimbrel.servers.Program;
import io.temporal.serviceclient.WorkflowServiceStubs;
import io.temporal.serviceclient.WorkflowServiceStubsOptions;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoUnit;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Waiting is free on the real server: however often a watcher has looked, the history has grown by
 * nothing. {@code -Dwhimbrel.polls=N} sets how many looks each kind of wait must see; the worker's
 * {@code WHIMBREL_LOOK_EVERY} makes 500 of them a minute or two. What would be over sooner is held
 * up from outside: a DNS server that lags, a lock, clients that are not let in.
 */
@Tag("campaign")
@Needs({Program.TEMPORAL, Program.PG_DUMP, Program.NAMED, Program.UNBOUND})
class HistoryTest {
  private static final String NAME = "patience";
  private static final int MOST_EVENTS = 500;

  /** Three activities and four jobs, with room for a second snapshot. */
  private static final int MOST_EVENTS_OF_A_COPY = 100;

  private static final int POLLS = Integer.getInteger("whimbrel.polls", 500);

  private static final String SOAK = "Soak";
  private static final String GUARD = "AwaitBreach";
  private static final String WAY_BACK = "WatchWayBack";

  /** Time for so many looks by each, with their own time between two pauses of 100 ms. */
  private static final Duration COPY = Duration.ofMillis(POLLS * 160L).plusSeconds(5);

  private static final Duration SOAKED = Duration.ofMillis(POLLS * 300L);
  private static final Duration GUARDED = Duration.ofMillis(POLLS * 130L);
  private static final Duration LIMIT = Duration.ofMillis(POLLS * 1000L).plusSeconds(180);

  /** What stands before the window of the week, and a few minutes for all the rest. */
  private static final Duration UNTIL_OPENING =
      COPY.plus(SOAKED).plus(GUARDED.multipliedBy(5)).plusSeconds(200);

  /** The TTL that resolvers have to forget: a wait for plain time. */
  private static final int OLD_TTL = 3 + POLLS / 10;

  @Test
  void aHistoryDoesNotGrowWhileSomethingIsWaitedFor() throws Exception {
    Instant opening = Instant.now().plus(UNTIL_OPENING).truncatedTo(ChronoUnit.MINUTES);
    LabRunbook runbook = new LabRunbook(NAME, SOAKED, GUARDED, GUARDED, "required");
    try (Journey journey =
        Journey.begin(
            LabWorld.build().laggingDns(OLD_TTL),
            NAME,
            COPY,
            Map.of("WHIMBREL_LOOK_EVERY", "100ms"))) {
      WorkflowServiceStubs stubs =
          WorkflowServiceStubs.newServiceStubs(
              WorkflowServiceStubsOptions.newBuilder()
                  .setTarget(journey.temporal().target())
                  .build());
      try {
        Looks looks = new Looks(stubs, MigrationWorkflow.ID_PREFIX + NAME);
        Waits waits = new Waits(journey, looks, POLLS, LIMIT);
        journey.startChanged(
            runbook,
            Map.of(
                "cutover: {",
                guardsAndCutover(opening),
                "count(*) > 0 FROM orders",
                "count(*) < 0 FROM orders"));
        prepareAndCopy(journey, waits);
        handOver(journey, waits);
        leaveTheSource(journey, waits);
        journey.assertMigrated();
        journey.judge(true);

        long events = looks.count();
        System.out.printf(
            "campaign: %d events in all, %d of the copy; looks in all %s%n%s",
            events, looks.eventsOfTheCopy(), looks.soFar(), waits.table());
        assertThat(looks.eventsOfTheCopy()).isLessThanOrEqualTo(MOST_EVENTS_OF_A_COPY);
        assertThat(events).isLessThanOrEqualTo(MOST_EVENTS);
      } finally {
        stubs.shutdownNow();
      }
    }
  }

  private static void prepareAndCopy(Journey journey, Waits waits) throws SQLException {
    LabNames names = journey.world().names();
    waits.awaitLook("AwaitTtl");
    waits.part("a TTL at every server", "AwaitTtl");
    names.catchUp();
    waits.await("prepare.lower-ttl", State.WAITING_FOR_TIME);
    waits.unwatched("the old TTL", State.WAITING_FOR_TIME);

    waits.awaitStep("replicate.copy");
    // The marker's table is there by then: it is laid before the first piece is copied.
    waits.awaitLook("CopyPieces");
    PostgresServer target = journey.world().target();
    try (Connection holder = lock(target, "whimbrel.marker_forward", "EXCLUSIVE")) {
      waits.whole("the copy", "replicate.copy", "CopyPieces");
      waits.awaitLook("AwaitCaughtUp");
      waits.part("catching up", "AwaitCaughtUp");
      assertThat(holder.isValid(5)).isTrue();
    }
    waits.awaitStep("replicate.soak");
    waits.whole("the soak", "replicate.soak", SOAK);
  }

  private static void handOver(Journey journey, Waits waits) throws SQLException {
    skipParked(journey, waits, "validate.smoke");
    waits.await("cutover.approval", State.WAITING_FOR_APPROVAL);
    waits.part("an approval", GUARD);
    journey.approve();
    waits.await("cutover.opening", State.WAITING_FOR_WINDOW);
    waits.part("the window of the week", GUARD);

    pauseWhileRehearsing(journey, waits);
    waits.awaitLook("KeepBase");
    waits.part("a pause", "KeepBase");
    journey.door().close();
    journey.resume();

    waits.await("cutover.smoke-again", State.NEEDS_HELP);
    waits.part("a parked step", GUARD);
    journey.skip("cutover.smoke-again");
    waits.awaitLook("AwaitFirstWrites");
    waits.part("the first writes", "AwaitFirstWrites");
    journey.door().open();
  }

  private static void leaveTheSource(Journey journey, Waits waits) throws SQLException {
    LabNames names = journey.world().names();
    waits.awaitLook("AwaitPropagation");
    waits.part("names at every server and resolver", "AwaitPropagation");
    names.catchUp();
    waits.awaitStep("cutover.monitor");
    waits.whole("the monitor", "cutover.monitor", GUARD);
    try (Connection straggler =
        journey.world().source().connect(Shop.DATABASE, Shop.APPLICATION, null)) {
      waits.awaitStep("cutover.window");
      waits.whole("the rollback window", "cutover.window", GUARD);
      waits.awaitStep("cutover.tail");
      waits.part("the tail", "AwaitTail");
      assertThat(straggler.isValid(5)).isTrue();
    }
    waits.await("decommission.approval", State.WAITING_FOR_APPROVAL);
    waits.part("the last approval", WAY_BACK);
    journey.approve();
    waits.awaitLook("AwaitTtl");
    waits.part("the first TTL at every server", "AwaitTtl");
    names.catchUp();
  }

  /** So late that the way back is ready, and its base slot is kept fresh meanwhile. */
  private static void pauseWhileRehearsing(Journey journey, Waits waits) throws SQLException {
    try (Connection holder = lock(journey.world().source(), "slow_to_copy", "ROW EXCLUSIVE")) {
      waits.awaitStep("cutover.rehearse-reverse");
      journey.pause();
      assertThat(holder.isValid(5)).isTrue();
    }
  }

  private static void skipParked(Journey journey, Waits waits, String step) {
    waits.await(step, State.NEEDS_HELP);
    journey.skip(step);
  }

  /** A session that locks a table until it is closed. */
  private static Connection lock(PostgresServer server, String table, String mode)
      throws SQLException {
    Connection session = server.connect(Shop.DATABASE);
    try (Statement statement = session.createStatement()) {
      session.setAutoCommit(false);
      statement.execute("LOCK TABLE " + table + " IN " + mode + " MODE");
      return session;
    } catch (SQLException e) {
      session.close();
      throw e;
    }
  }

  private static String guardsAndCutover(Instant opening) {
    DateTimeFormatter time =
        DateTimeFormatter.ofPattern("EEE HH:mm", Locale.ENGLISH).withZone(ZoneOffset.UTC);
    DateTimeFormatter clock = DateTimeFormatter.ofPattern("HH:mm").withZone(ZoneOffset.UTC);
    return """
    guards:
      - {sql: "SELECT count(*) >= 0 FROM products", interval: 100ms, then: ask}
    cutover: {window: "%s-%s UTC",\
    """
        .formatted(time.format(opening), clock.format(opening.plus(Duration.ofHours(2))));
  }
}
