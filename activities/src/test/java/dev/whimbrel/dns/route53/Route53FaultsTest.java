package dev.whimbrel.dns.route53;

import static dev.whimbrel.dns.route53.Route53Fixture.lower;
import static dev.whimbrel.dns.route53.Route53Fixture.restore;
import static dev.whimbrel.dns.route53.Route53Fixture.share;
import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.FaultTable;
import dev.whimbrel.activity.ChangePlan;
import dev.whimbrel.activity.DnsMove;
import dev.whimbrel.activity.DnsSnapshot;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.NamesRequest;
import dev.whimbrel.dns.Mark;
import dev.whimbrel.runbook.DnsSpec;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import dev.whimbrel.servers.Route53Fault;
import dev.whimbrel.servers.Route53Front;
import io.temporal.failure.ApplicationFailure;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every fault at every call that the provider makes, in the middle of a step: nothing is done
 * twice, nothing is lost, and the message says what to do. Makes its part of
 * docs/provider-faults.md.
 */
@Needs(Program.MINISTACK)
@ResourceLock(Route53Fixture.LOCK)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class Route53FaultsTest {
  private static final String CHANGE = "ChangeResourceRecordSets";
  private static final int EVERY_TIME = 1000;

  /** What cannot happen to a look, and what is for a look what another fault is. */
  private static final Set<Route53Fault> ONLY_CHANGES =
      Set.of(Route53Fault.PRIOR_REQUEST, Route53Fault.LOST_AFTER, Route53Fault.UNAVAILABLE);

  private static Route53Fixture zone;
  private static String check = "";
  private static FaultTable table;
  private static int number;

  private String name = "";
  private List<String> asFound = List.of();

  @BeforeAll
  static void start() {
    zone = new Route53Fixture();
    check = zone.route53.createHealthCheck();
    zone.route53.front().slowBy(Duration.ofSeconds(2));
    table =
        new FaultTable("route53", "Route 53")
            .hiding(zone.route53.zoneId(), "Z123")
            .hiding(check, "0a1b2c3d")
            .hiding("n\\d+\\.example\\.test", "shop.example.test")
            .hiding("change/C[A-Z0-9]+", "change/C123")
            .hiding("token=[0-9a-f]{16}", "token=0123456789abcdef")
            // Which side notices first that a connection is gone is chance.
            .hiding("Unable to execute HTTP request: .*", "Unable to execute HTTP request …");
  }

  @AfterAll
  static void stop() {
    zone.close();
    table.check();
  }

  @BeforeEach
  void serve() {
    name = "n" + ++number + ".example.test";
    zone.serve(name);
    asFound = zone.route53.raw(name);
  }

  @AfterEach
  void noBystanderWasTouched() {
    zone.route53.front().failNoMore();
    zone.route53.propagationTakes(Duration.ZERO);
    zone.route53.propagate();
    zone.requireBystandersUntouched();
  }

  static Stream<Arguments> changes() {
    List<Arguments> all = new ArrayList<>();
    for (Route53Fault fault : Route53Fault.values()) {
      all.add(Arguments.of(CHANGE, fault, 1));
      if (fault != Route53Fault.SLOW && fault != Route53Fault.DENIED) {
        all.add(Arguments.of(CHANGE, fault, EVERY_TIME));
      }
    }
    for (String operation : List.of("ListResourceRecordSets", "GetChange", "GetHostedZone")) {
      for (Route53Fault fault : Route53Fault.values()) {
        if (!ONLY_CHANGES.contains(fault)) {
          boolean once = fault == Route53Fault.SLOW || fault == Route53Fault.DENIED;
          all.add(Arguments.of(operation, fault, once ? 1 : EVERY_TIME));
        }
      }
    }
    return all.stream();
  }

  @Order(1)
  @ParameterizedTest(name = "{0}: {1} × {2}")
  @MethodSource("changes")
  void aShiftMeetsAFault(String operation, Route53Fault fault, int times) {
    DnsMove move = zone.move(name);
    DnsSnapshot found = zone.dns.findRecords(move);
    zone.dns.setTtl(lower(move, found));
    List<String> before = zone.route53.raw(name);
    if (operation.equals("GetChange")) {
      zone.route53.propagationTakes(Duration.ofMillis(300)); // so that it is asked for twice
    }
    int calls = done();
    zone.route53.front().fail(operation, fault, times);

    Optional<ApplicationFailure> failure = failure(() -> zone.dns.shift(share(move, found, 25)));
    zone.route53.front().failNoMore();
    List<String> after = zone.route53.raw(name);
    int done = done() - calls;

    // All of it or nothing, and once.
    boolean made = after.size() == 4;
    assertThat(made || after.equals(before)).as("half a change: %s", after).isTrue();
    assertThat(done).isEqualTo(made ? 1 : 0);
    boolean mayNotAsk = operation.equals("GetChange") && fault == Route53Fault.DENIED;
    assertThat(failure.isEmpty()).isEqualTo(made && !mayNotAsk);
    failure.ifPresent(Route53FaultsTest::requireUseful);
    table.row(
        operation,
        words(operation, fault, times),
        happened(made, failure),
        failure.map(Route53FaultsTest::printed).orElse(""));
    goOnAndBack(move, found);
  }

  static Stream<Arguments> looks() {
    return Stream.of("ListHostedZonesByName", "GetHealthCheck", "GetHealthCheckStatus")
        .flatMap(
            operation ->
                Stream.of(Route53Fault.values())
                    .filter(fault -> !ONLY_CHANGES.contains(fault))
                    .map(fault -> Arguments.of(operation, fault)));
  }

  @Order(2)
  @ParameterizedTest(name = "{0}: {1}")
  @MethodSource("looks")
  void aPlanMeetsAFault(String operation, Route53Fault fault) {
    DnsMove move = zone.move(zone.spec(new DnsSpec.HealthChecks(null, check)), name);
    boolean once = fault == Route53Fault.SLOW;
    zone.route53.front().fail(operation, fault, once ? 1 : EVERY_TIME);

    NamesRequest request = new NamesRequest(move, List.of(25, 100));
    if (!once && fault != Route53Fault.DENIED) {
      Optional<ApplicationFailure> failure = failure(() -> zone.dns.planNames(request));
      assertThat(failure)
          .hasValueSatisfying(e -> assertThat(e.getType()).isEqualTo(Failures.TRANSIENT));
      assertThat(zone.route53.raw(name)).isEqualTo(asFound);
      table.row(
          operation,
          words(operation, fault, EVERY_TIME),
          "Asked again; a plan that still gets no answer says that it has not looked.",
          failure.map(Route53FaultsTest::printed).orElse(""));
      return;
    }
    ChangePlan plan = zone.dns.planNames(request);

    List<String> said =
        plan.findings().stream()
            .filter(finding -> !finding.message().contains("are content with"))
            .map(finding -> finding.level() + " " + finding.line())
            .toList();
    assertThat(said).hasSize(once ? 0 : 1);
    assertThat(zone.route53.raw(name)).isEqualTo(asFound);
    table.row(
        operation,
        words(operation, fault, once ? 1 : EVERY_TIME),
        once
            ? "The plan waits for it."
            : plan.findings().stream().anyMatch(f -> f.level() == Finding.Level.BLOCKER)
                ? "The plan says that it could not look; plan again."
                : "The plan goes on without it, and says so.",
        String.join("; ", said));
  }

  @Test
  @Order(3)
  void somebodyElseChangesARecordMeanwhile() {
    DnsMove move = zone.move(name);
    DnsSnapshot found = zone.dns.findRecords(move);
    zone.dns.setTtl(lower(move, found));
    Route53Front.Held held = zone.route53.front().hold(CHANGE);
    CompletableFuture<Optional<ApplicationFailure>> shift =
        CompletableFuture.supplyAsync(() -> failure(() -> zone.dns.shift(share(move, found, 25))));
    held.awaitArrival();
    zone.route53.somebodyElseWrites(name, "A", 300, "192.0.2.99");
    List<String> theirs = zone.route53.raw(name);
    int calls = done();
    held.release();

    Optional<ApplicationFailure> failure = shift.join();

    assertThat(zone.route53.raw(name)).isEqualTo(theirs);
    assertThat(done() - calls).isZero();
    assertThat(failure).isPresent();
    assertThat(printed(failure.get()))
        .startsWith(name + " was changed by somebody else: expected ")
        .contains("found A 192.0.2.99 (TTL 300)");
    table.row(
        CHANGE,
        "somebody else changes a record between look and change",
        "Parked; their change stays.",
        printed(failure.get()));
    zone.route53.somebodyElseWrites(name, "A", 60, "203.0.113.10", "203.0.113.9");
    goOnAndBack(move, found);
  }

  @Test
  @Order(4)
  void aWorkerIsKilledBeforeItsChange() {
    DnsMove move = zone.move(name);
    DnsSnapshot found = zone.dns.findRecords(move);
    zone.dns.setTtl(lower(move, found));
    Route53Front.Held held = zone.route53.front().hold(CHANGE);
    CompletableFuture<Optional<ApplicationFailure>> killed =
        CompletableFuture.supplyAsync(() -> failure(() -> zone.dns.shift(share(move, found, 25))));
    held.awaitArrival();

    zone.dns.shift(share(move, found, 25));
    List<String> shifted = zone.route53.raw(name);
    int calls = zone.route53.front().journal(CHANGE).size();
    held.release();
    killed.join();

    assertThat(zone.route53.front().journal(CHANGE).get(calls).status()).isEqualTo(400);
    assertThat(zone.route53.raw(name)).isEqualTo(shifted);
    table.row(
        CHANGE,
        "the worker is killed before the change; its batch arrives when another has made it",
        "The next attempt makes the change; the late batch is refused, since the mark has another token.",
        "");
    goOnAndBack(move, found);
  }

  @Test
  @Order(5)
  void aBatchOfAKilledWorkerArrivesAfterTheWayBackWasTaken() {
    DnsMove move = zone.move(name);
    DnsSnapshot found = zone.dns.findRecords(move);
    zone.dns.setTtl(lower(move, found));
    Route53Front.Held held = zone.route53.front().hold(CHANGE);
    CompletableFuture<Optional<ApplicationFailure>> killed =
        CompletableFuture.supplyAsync(() -> failure(() -> zone.dns.shift(share(move, found, 25))));
    held.awaitArrival();

    zone.dns.shift(share(move, found, 0));
    zone.dns.setTtl(restore(move, found));
    int calls = zone.route53.front().journal(CHANGE).size();
    zone.route53.front().fail("ListResourceRecordSets", Route53Fault.DENIED, EVERY_TIME);
    held.release();
    killed.join();
    zone.route53.front().failNoMore();

    assertThat(zone.route53.front().journal(CHANGE).get(calls).status()).isEqualTo(400);
    assertThat(zone.route53.raw(name)).isEqualTo(asFound);
    assertThat(zone.route53.raw(Mark.nameFor(name))).isEmpty();
    table.row(
        CHANGE,
        "the worker is killed before the change; its batch arrives when the way back was taken",
        "The late batch is refused, since the mark is gone; everything stays as found.",
        "");
    zone.dns.setTtl(lower(move, found));
    goOnAndBack(move, found);
  }

  @Test
  @Order(6)
  void somebodyElseChangesARecordWhileItIsRead() {
    DnsMove move = zone.move(name);
    DnsSnapshot found = zone.dns.findRecords(move);
    zone.dns.setTtl(lower(move, found));
    Route53Front.Held held = zone.route53.front().hold("ListResourceRecordSets");
    CompletableFuture<Optional<ApplicationFailure>> shift =
        CompletableFuture.supplyAsync(() -> failure(() -> zone.dns.shift(share(move, found, 25))));
    held.awaitArrival();
    zone.route53.somebodyElseWrites(name, "A", 300, "192.0.2.99");
    List<String> theirs = zone.route53.raw(name);
    held.release();

    Optional<ApplicationFailure> failure = shift.join();

    assertThat(zone.route53.raw(name)).isEqualTo(theirs);
    assertThat(failure).isPresent();
    assertThat(printed(failure.get())).contains("was changed by somebody else: expected ");
    table.row(
        "ListResourceRecordSets",
        "somebody else changes a record while it is on its way",
        "Parked; their change stays.",
        printed(failure.get()));
    zone.route53.somebodyElseWrites(name, "A", 60, "203.0.113.10", "203.0.113.9");
    goOnAndBack(move, found);
  }

  @Test
  @Order(7)
  void aWorkerIsKilledAfterItsChangeAndTheWayBackIsTaken() {
    DnsMove move = zone.move(name);
    DnsSnapshot found = zone.dns.findRecords(move);
    zone.dns.setTtl(lower(move, found));
    List<String> lowered = zone.route53.raw(name);
    // The batch is made; whatever the worker asks for after that goes nowhere.
    zone.route53.front().fail("GetChange", Route53Fault.DENIED, EVERY_TIME);
    Optional<ApplicationFailure> killed = failure(() -> zone.dns.shift(share(move, found, 25)));
    zone.route53.front().failNoMore();
    int made = zone.route53.raw(name).size();

    zone.dns.shift(share(move, found, 25));
    int weighted = zone.route53.raw(name).size();
    zone.dns.shift(share(move, found, 0));

    assertThat(killed).isPresent();
    assertThat(List.of(made, weighted)).containsExactly(4, 4);
    assertThat(zone.route53.raw(name)).isEqualTo(lowered);
    table.row(
        CHANGE,
        "the worker is killed after the change, before it could report it",
        "The next attempt finds the weights as wanted and only renews the mark; the way back undoes them once.",
        "");
    goOnAndBack(move, found);
  }

  /** The step comes again without the fault; then the way back is taken. */
  private void goOnAndBack(DnsMove move, DnsSnapshot found) {
    zone.route53.propagationTakes(Duration.ZERO);
    zone.route53.propagate();
    zone.dns.shift(share(move, found, 25));
    assertThat(zone.route53.raw(name)).hasSize(4);
    zone.dns.shift(share(move, found, 0));
    zone.dns.setTtl(restore(move, found));
    assertThat(zone.route53.raw(name)).isEqualTo(asFound);
    assertThat(zone.route53.raw(Mark.nameFor(name))).isEmpty();
  }

  /** Changes that were made, and not only asked for. */
  private static int done() {
    return (int)
        zone.route53.front().journal(CHANGE).stream().filter(Route53Front.Call::done).count();
  }

  private static Optional<ApplicationFailure> failure(Runnable step) {
    try {
      step.run();
      return Optional.empty();
    } catch (ApplicationFailure e) {
      return Optional.of(e);
    }
  }

  /** It is one of the kinds that may leave an activity, and one that parks says what to do. */
  private static void requireUseful(ApplicationFailure failure) {
    assertThat(failure.getType()).isIn(Failures.TRANSIENT, Failures.NEEDS_HELP);
    if (failure.getType().equals(Failures.NEEDS_HELP)) {
      assertThat(failure.getDetails().get(Failures.Help.class).remedy()).isNotBlank();
    }
  }

  private static String printed(ApplicationFailure failure) {
    if (failure.getType().equals(Failures.TRANSIENT)) {
      return failure.getOriginalMessage();
    }
    Failures.Help help = failure.getDetails().get(Failures.Help.class);
    return Stream.of(help.cause(), help.remedy(), help.command())
        .filter(each -> each != null)
        .collect(Collectors.joining(". "));
  }

  private static String happened(boolean made, Optional<ApplicationFailure> failure) {
    if (failure.isEmpty()) {
      return "The change is made, once.";
    }
    String end =
        failure.get().getType().equals(Failures.TRANSIENT)
            ? "the step comes again by itself."
            : "parked.";
    return (made ? "The change is made, once; " : "Nothing is changed; ") + end;
  }

  private static String words(String operation, Route53Fault fault, int times) {
    String what =
        switch (fault) {
          case THROTTLING -> "throttled";
          case PRIOR_REQUEST -> "an earlier change is still under way";
          case DENIED -> "no right to it";
          case INTERNAL_ERROR -> "500";
          case UNAVAILABLE -> "503";
          case LOST_BEFORE ->
              operation.equals(CHANGE) ? "connection lost before the change" : "connection lost";
          case LOST_AFTER -> "answer lost after the change";
          case SLOW -> "answered late";
        };
    boolean plain = fault == Route53Fault.DENIED || fault == Route53Fault.SLOW;
    return plain ? what : what + (times == 1 ? ", once" : ", every time");
  }
}
