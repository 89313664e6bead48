package dev.whimbrel.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.migration.MigrationStatus;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.migration.MigrationWorkflow;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import io.temporal.serviceclient.WorkflowServiceStubs;
import io.temporal.serviceclient.WorkflowServiceStubsOptions;
import java.sql.Connection;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoUnit;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Waiting is free on the real server: however often a watcher has looked, the history has grown by
 * nothing. {@code -Dwhimbrel.polls=N} sets how many looks each kind of wait must see; the worker's
 * {@code WHIMBREL_LOOK_EVERY} makes 500 of them a minute or two.
 */
@Tag("campaign")
@Needs({Program.TEMPORAL, Program.PG_DUMP})
class HistoryTest {
  private static final String NAME = "patience";
  private static final int MOST_EVENTS = 500;
  private static final int MOST_EVENTS_OF_A_WAIT = 10;
  private static final int POLLS = Integer.getInteger("whimbrel.polls", 500);

  private static final String SOAK = "Soak";
  private static final String GUARD = "AwaitBreach";
  private static final String WAY_BACK = "WatchWayBack";

  /** Time for so many looks by each, with their own time between two pauses of 100 ms. */
  private static final Duration COPY = Duration.ofMillis(POLLS * 160L);

  private static final Duration SOAKED = Duration.ofMillis(POLLS * 300L);
  private static final Duration GUARDED = Duration.ofMillis(POLLS * 130L);
  private static final Duration LIMIT = Duration.ofMillis(POLLS * 1000L).plusSeconds(180);

  private final StringBuilder table = new StringBuilder();

  @Test
  void aHistoryDoesNotGrowWhileSomethingIsWaitedFor() throws Exception {
    Instant opening =
        Instant.now()
            .plus(COPY)
            .plus(SOAKED)
            .plus(GUARDED.multipliedBy(2))
            .plusSeconds(300)
            .truncatedTo(ChronoUnit.MINUTES);
    LabRunbook runbook = new LabRunbook(NAME, SOAKED, GUARDED, GUARDED, "required");
    try (Journey journey =
        Journey.begin(
            LabWorld.build().withoutDns(), NAME, COPY, Map.of("WHIMBREL_LOOK_EVERY", "100ms"))) {
      WorkflowServiceStubs stubs =
          WorkflowServiceStubs.newServiceStubs(
              WorkflowServiceStubsOptions.newBuilder()
                  .setTarget(journey.temporal().target())
                  .build());
      try {
        Looks looks = new Looks(stubs, MigrationWorkflow.ID_PREFIX + NAME);
        journey.startChanged(
            runbook,
            Map.of(
                "cutover: {",
                guardsAndCutover(opening),
                "count(*) > 0 FROM orders",
                "count(*) < 0 FROM orders"));
        travel(journey, looks);
        journey.assertMigrated();
        journey.judge(true);

        long events = looks.count();
        System.out.printf(
            "campaign: %d events in all; looks in all %s%n%s", events, looks.soFar(), table);
        assertThat(events).isLessThanOrEqualTo(MOST_EVENTS);
      } finally {
        stubs.shutdownNow();
      }
    }
  }

  private void travel(Journey journey, Looks looks) throws Exception {
    awaitStep(journey, looks, "replicate.copy");
    whole(journey, looks, "the copy", "replicate.copy", "AwaitCopied");
    awaitStep(journey, looks, "replicate.soak");
    whole(journey, looks, "the soak", "replicate.soak", SOAK);

    skipParked(journey, looks, "validate.smoke");
    await(journey, looks, "cutover.approval", State.WAITING_FOR_APPROVAL);
    part(looks, "an approval", GUARD);
    journey.approve();
    await(journey, looks, "cutover.opening", State.WAITING_FOR_WINDOW);
    part(looks, "the window of the week", GUARD);

    await(journey, looks, "cutover.smoke-again", State.NEEDS_HELP);
    part(looks, "a parked step", GUARD);
    journey.skip("cutover.smoke-again");
    awaitStep(journey, looks, "cutover.monitor");
    whole(journey, looks, "the monitor", "cutover.monitor", GUARD);
    try (Connection straggler =
        journey.world().source().connect(Shop.DATABASE, Shop.APPLICATION, null)) {
      awaitStep(journey, looks, "cutover.window");
      whole(journey, looks, "the rollback window", "cutover.window", GUARD);
      awaitStep(journey, looks, "cutover.tail");
      part(looks, "the tail", "AwaitTail");
      assertThat(straggler.isValid(5)).isTrue();
    }
    await(journey, looks, "decommission.approval", State.WAITING_FOR_APPROVAL);
    part(looks, "the last approval", WAY_BACK);
    journey.approve();
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

  private static void skipParked(Journey journey, Looks looks, String step) {
    await(journey, looks, step, State.NEEDS_HELP);
    journey.skip(step);
  }

  private static void awaitStep(Journey journey, Looks looks, String step) {
    await(journey, looks, step, status -> step.equals(status.step()));
  }

  private static void await(Journey journey, Looks looks, String step, State state) {
    await(journey, looks, step, status -> step.equals(status.step()) && status.state() == state);
  }

  private static void await(
      Journey journey, Looks looks, String what, Predicate<MigrationStatus> wanted) {
    journey.await(
        what,
        status -> {
          looks.count();
          return wanted.test(status);
        });
  }

  /** Counts until a wait that ends by itself is over. */
  private void whole(Journey journey, Looks looks, String wait, String step, String watcher) {
    watch(looks, wait, watcher, () -> journey.isAt(step));
  }

  /** Counts until there were enough looks, in a wait that goes on until somebody ends it. */
  private void part(Looks looks, String wait, String watcher) {
    long before = looks.soFar().getOrDefault(watcher, 0L);
    watch(looks, wait, watcher, () -> looks.soFar().getOrDefault(watcher, 0L) - before < POLLS);
  }

  private interface Goes {
    boolean on();
  }

  private void watch(Looks looks, String wait, String watcher, Goes goes) {
    long began = System.nanoTime();
    long before = looks.count();
    Map<String, Long> first = looks.soFar();
    long after = before;
    while (goes.on()) {
      assertThat(System.nanoTime() - began).as(wait).isLessThan(LIMIT.toNanos());
      LockSupport.parkNanos(Duration.ofMillis(250).toNanos());
      long now = looks.count();
      // The wait's own end is an event, or a few.
      after = goes.on() ? now : after;
    }
    Map<String, Long> seen = new TreeMap<>(looks.soFar());
    seen.replaceAll((type, count) -> count - first.getOrDefault(type, 0L));
    seen.values().removeIf(count -> count == 0);
    table.append(
        "| %s | %d s | %s | %d |%n"
            .formatted(
                wait,
                Duration.ofNanos(System.nanoTime() - began).toSeconds(),
                seen,
                after - before));
    System.out.println("campaign: " + table.toString().lines().toList().get(rows() - 1));
    assertThat(seen.getOrDefault(watcher, 0L)).as(wait).isGreaterThanOrEqualTo(POLLS);
    assertThat(after - before).as(wait).isLessThanOrEqualTo(MOST_EVENTS_OF_A_WAIT);
  }

  private int rows() {
    return (int) table.toString().lines().count();
  }
}
