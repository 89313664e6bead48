package dev.whimbrel.dns.azure;

import static dev.whimbrel.dns.azure.AzureFixture.SHOP;
import static dev.whimbrel.dns.azure.AzureFixture.SOURCE;
import static dev.whimbrel.dns.azure.AzureFixture.lower;
import static dev.whimbrel.dns.azure.AzureFixture.restore;
import static dev.whimbrel.dns.azure.AzureFixture.share;
import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.FaultTable;
import dev.whimbrel.activity.DnsMove;
import dev.whimbrel.activity.DnsSnapshot;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.ShiftRequest;
import dev.whimbrel.activity.Side;
import dev.whimbrel.servers.ArmFault;
import dev.whimbrel.servers.AzureService;
import io.temporal.failure.ApplicationFailure;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Workers that are killed around each call that changes something, with the call still on its way,
 * and somebody else who changes the name at that very moment or while it is read.
 */
class AzureRacesTest {
  private static final String ZONE = "Microsoft.Network/dnsZones/";
  private static final String PROFILE = "Microsoft.Network/trafficManagerProfiles";
  private static final int ALWAYS = 1000;
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private static FaultTable table = new FaultTable("azure-races", "Azure");

  /** What a step is in the middle of. */
  private enum Doing {
    TO_25,
    FROM_25_TO_50,
    BACK_TO_0,
    LAST_STEP,
    HOST_NAME_TO_25,
    TO_IPV6_ALONE,
    TO_IPV4_ALONE
  }

  /** A call, and when it is made. */
  private enum At {
    MARK("PUT " + ZONE + "TXT", Doing.TO_25, ""),
    MAKES_PROFILE("PUT " + PROFILE, Doing.TO_25, "made"),
    SPLITS_A("PUT " + ZONE + "A", Doing.TO_25, "by weight"),
    SPLITS_AAAA("PUT " + ZONE + "AAAA", Doing.TO_25, "by weight"),
    WEIGHS("PUT " + PROFILE, Doing.FROM_25_TO_50, "other weights"),
    UNSPLITS_A("PUT " + ZONE + "A", Doing.BACK_TO_0, "no weights any more"),
    RETIRES_PROFILE("PUT " + PROFILE, Doing.BACK_TO_0, "one side alone"),
    RESTORES_A("PUT " + ZONE + "A", Doing.LAST_STEP, "the last step"),
    REMOVES_PROFILE("DELETE " + PROFILE, Doing.LAST_STEP, ""),
    REMOVES_MARK("DELETE " + ZONE + "TXT", Doing.LAST_STEP, ""),
    SPLITS_CNAME("PUT " + ZONE + "CNAME", Doing.HOST_NAME_TO_25, "by weight"),
    REMOVES_A("DELETE " + ZONE + "A", Doing.TO_IPV6_ALONE, ""),
    REMOVES_AAAA("DELETE " + ZONE + "AAAA", Doing.TO_IPV4_ALONE, "");

    private final String operation;
    private final Doing doing;
    private final String moment;

    At(String operation, Doing doing, String moment) {
      this.operation = operation;
      this.doing = doing;
      this.moment = moment;
    }

    String words() {
      return moment.isEmpty() ? operation : operation + " (" + moment + ")";
    }

    /** The record that somebody else is interested in at this moment. */
    String type() {
      return operation.endsWith("/AAAA") ? "AAAA" : doing == Doing.HOST_NAME_TO_25 ? "CNAME" : "A";
    }
  }

  private final AzureFixture zone = new AzureFixture();

  @BeforeAll
  static void newTable() {
    table =
        new FaultTable("azure-races", "Azure DNS and Traffic Manager: killed workers, other people")
            .hiding(AzureService.SUBSCRIPTION, "11111111-2222-3333-4444-555555555555");
  }

  @AfterAll
  static void check() {
    table.check();
  }

  @AfterEach
  void noBystanderWasTouched() {
    try (zone) {
      zone.requireBystandersUntouched();
    }
  }

  @ParameterizedTest
  @EnumSource
  void aWorkerIsKilledWithItsCallOnItsWay(At at) throws Exception {
    World world = new World(at.doing);
    CountDownLatch arrived = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    zone.azure.arm().fault(at.operation, ArmFault.before(() -> hold(arrived, goOn)));
    CompletableFuture<Optional<ApplicationFailure>> killed = inTheBackground(world.step);
    assertThat(arrived.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();

    world.step.run();
    String done = world.answers();
    int calls = zone.azure.arm().journal().size();
    cutOff();
    goOn.countDown();
    killed.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
    zone.azure.arm().clearFaults();

    int late = zone.azure.arm().journal().get(calls).status();
    assertThat(world.answers()).isEqualTo(done);
    table.row(
        at.words(),
        "worker killed before it; the call arrives when another worker has done the step",
        late == 412
            ? at == At.MAKES_PROFILE
                ? "The late call is refused: the profile is there."
                : "The late call is refused: the record set has another etag."
            : at.operation.startsWith("DELETE")
                ? "The late call finds nothing any more."
                : at == At.RETIRES_PROFILE
                    ? "No record leads to the profile any more; the late call disables the other side in it."
                    : "The late call writes what is there already.",
        "");
    world.goOnAndBack();
  }

  @ParameterizedTest
  @EnumSource(
      names = {"MARK", "MAKES_PROFILE", "SPLITS_A", "SPLITS_AAAA", "WEIGHS", "SPLITS_CNAME"})
  void aCallOfAKilledWorkerArrivesAfterTheWayBackWasTaken(At at) throws Exception {
    World world = new World(at.doing);
    CountDownLatch arrived = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    zone.azure.arm().fault(at.operation, ArmFault.before(() -> hold(arrived, goOn)));
    CompletableFuture<Optional<ApplicationFailure>> killed = inTheBackground(world.step);
    assertThat(arrived.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();

    world.back();
    cutOff();
    goOn.countDown();
    killed.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
    zone.azure.arm().clearFaults();

    world.requireAsFound();
    boolean left = at.operation.endsWith(PROFILE);
    assertThat(zone.profiles()).hasSize(left ? 1 : 0);
    table.row(
        at.words(),
        "worker killed before it; the call arrives when the way back was taken",
        left
            ? "A profile stays that no record leads to; the list of costs names it, and the next migration of that name takes it over."
            : "The late call is refused.",
        left ? zone.dns.listZones(world.move).line() : "");
    zone.dns.setTtl(lower(world.move, world.found));
    world.goOnAndBack();
  }

  @ParameterizedTest
  @EnumSource
  void aWorkerIsKilledAfterItsCall(At at) {
    World world = new World(at.doing);
    zone.azure.arm().fault(at.operation, ArmFault.after(this::cutOff));

    Optional<ApplicationFailure> killed = FaultTable.failure(world.step);
    boolean wasTheLast = zone.azure.arm().journal().stream().noneMatch(c -> c.status() == 0);
    zone.azure.arm().clearFaults();

    // Whoever is killed after the last call of all has done everything.
    assertThat(killed.isEmpty()).isEqualTo(wasTheLast);
    table.row(
        at.words(),
        "worker killed after it, before it makes another call",
        "The next attempt completes what is missing.",
        "");
    world.goOnAndBack();
  }

  @ParameterizedTest
  @EnumSource
  void somebodyElseChangesTheNameMeanwhile(At at) {
    World world = new World(at.doing);
    zone.azure.arm().fault(at.operation, ArmFault.before(() -> world.somebodyElse(at.type())));

    Optional<ApplicationFailure> failure = FaultTable.failure(world.step);
    boolean atOnce = failure.isPresent();
    if (!atOnce && at.doing == Doing.BACK_TO_0) {
      ShiftRequest back = share(world.move, world.found, 0);
      failure = FaultTable.failure(() -> zone.dns.awaitPropagation(back));
    }

    requireBothVersions(world, failure, at.type());
    table.row(
        at.words(),
        "somebody else changes the " + at.type() + " record while it is on its way",
        failure.isEmpty()
            ? "Goes on; their change stays."
            : atOnce
                ? "Parks; their change stays. Then `retry`."
                : "The look for propagation parks; their change stays. Then `retry`.",
        failure.map(AzureRacesTest::printed).orElse(""));
    world.putBack(at.type());
    world.goOnAndBack();
  }

  static Stream<String> looks() {
    return Stream.of(
        "GET " + ZONE + "TXT", "GET " + ZONE + "A", "GET " + ZONE + "AAAA", "GET " + PROFILE);
  }

  @ParameterizedTest
  @MethodSource("looks")
  void somebodyElseChangesTheNameWhileItIsRead(String look) {
    World world = new World(Doing.TO_25);
    zone.azure.arm().fault(look, ArmFault.after(() -> world.somebodyElse("A")));

    Optional<ApplicationFailure> failure = FaultTable.failure(world.step);

    assertThat(failure).isPresent();
    requireBothVersions(world, failure, "A");
    table.row(
        look,
        "somebody else changes the A record right after it",
        "Parks; their change stays. Then `retry`.",
        printed(failure.get()));
    world.putBack("A");
    world.goOnAndBack();
  }

  private void requireBothVersions(World world, Optional<ApplicationFailure> failure, String type) {
    assertThat(zone.azure.recordSets(world.name)).contains(World.theirs(type));
    failure.ifPresent(
        met -> {
          assertThat(met.getType()).as(met.getMessage()).isEqualTo(Failures.NEEDS_HELP);
          assertThat(met.getOriginalMessage())
              .contains("was changed by somebody else: expected ")
              .containsSubsequence("found ", World.theirs(type));
        });
  }

  /** From here on nothing comes through to Azure any more. */
  private void cutOff() {
    zone.azure.arm().fault("*", 0, ALWAYS, ArmFault.lostBefore());
  }

  private static CompletableFuture<Optional<ApplicationFailure>> inTheBackground(Runnable step) {
    return CompletableFuture.supplyAsync(
        () -> FaultTable.failure(step), task -> new Thread(task, "killed").start());
  }

  private static void hold(CountDownLatch arrived, CountDownLatch goOn) {
    arrived.countDown();
    try {
      assertThat(goOn.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static String printed(ApplicationFailure failure) {
    Failures.Help help = failure.getDetails().get(Failures.Help.class);
    return "%s. Fix: %s: `%s`".formatted(help.cause(), help.remedy(), help.command());
  }

  /** A name that was found and lowered, and a step that is about to begin. */
  private final class World {
    private final DnsMove move;
    private final String name;
    private final String asFound;
    private final DnsSnapshot found;
    private final Runnable step;

    World(Doing doing) {
      move =
          switch (doing) {
            case HOST_NAME_TO_25 -> zone.aliases(1);
            case TO_IPV6_ALONE -> to("2001:db8:2::20");
            case TO_IPV4_ALONE -> to("198.51.100.20");
            default -> zone.move();
          };
      name = move.dns().names().get(0).replace(".example.test", "");
      asFound = zone.azure.recordSets(name);
      found = zone.dns.findRecords(move);
      zone.dns.setTtl(lower(move, found));
      if (List.of(Doing.FROM_25_TO_50, Doing.BACK_TO_0, Doing.LAST_STEP).contains(doing)) {
        zone.dns.shift(share(move, found, 25));
      }
      if (doing == Doing.LAST_STEP) {
        zone.dns.shift(share(move, found, 0));
      }
      step =
          switch (doing) {
            case FROM_25_TO_50 -> () -> zone.dns.shift(share(move, found, 50));
            case BACK_TO_0 -> () -> zone.dns.shift(share(move, found, 0));
            case LAST_STEP -> () -> zone.dns.setTtl(restore(move, found));
            case TO_IPV6_ALONE, TO_IPV4_ALONE ->
                () -> zone.dns.shift(new ShiftRequest(move, found, Side.TARGET));
            default -> () -> zone.dns.shift(share(move, found, 25));
          };
      zone.azure.arm().clearJournal();
    }

    private DnsMove to(String address) {
      return new DnsMove(
          "shop",
          AzureFixture.dnsSpec(zone.spec(AzureFixture.BY_WEIGHT), 60, SHOP),
          SOURCE,
          List.of(address));
    }

    /** What clients of the name are answered by: its records, and the profiles they lead to. */
    String answers() {
      String records = zone.azure.recordSets(name);
      return zone.azure.traffic().all().stream()
          .filter(each -> records.contains("/" + each.path("name").asText() + "\""))
          .map(Object::toString)
          .reduce(records, String::concat);
    }

    static String theirs(String type) {
      return switch (type) {
        case "A" -> "192.0.2.99";
        case "AAAA" -> "2001:db8:9::9";
        default -> "somewhere.example.net";
      };
    }

    void somebodyElse(String type) {
      zone.azure.record(name, type, 300, theirs(type));
    }

    /** As it was before the last step; what that one puts back, its next attempt puts back. */
    void putBack(String type) {
      switch (type) {
        case "A" ->
            zone.azure.record(
                name, type, 60, Map.of("team", "shop"), "203.0.113.10", "203.0.113.9");
        case "AAAA" -> zone.azure.record(name, type, 60, "2001:db8:1::10");
        default -> zone.azure.record(name, type, 1, "LB.old.example.net.");
      }
    }

    /** The step comes again without the fault; then the way back is taken. */
    void goOnAndBack() {
      step.run();
      back();
      requireAsFound();
      assertThat(zone.profiles()).isEmpty();
    }

    void back() {
      zone.dns.shift(new ShiftRequest(move, found, Side.SOURCE));
      awaitSuccess(() -> zone.dns.setTtl(restore(move, found)));
    }

    void requireAsFound() {
      assertThat(zone.azure.recordSets(name)).isEqualTo(asFound);
      assertThat(zone.azure.recordSets("_whimbrel." + name)).isEmpty();
    }

    /** A profile stays until resolvers have forgotten it; the step says when it comes again. */
    private static void awaitSuccess(Runnable step) {
      long deadline = System.nanoTime() + PATIENCE.toNanos();
      Optional<ApplicationFailure> failure = FaultTable.failure(step);
      while (failure.isPresent() && System.nanoTime() < deadline) {
        assertThat(failure.get().getType()).isEqualTo(Failures.TRANSIENT);
        failure = FaultTable.failure(step);
      }
      assertThat(failure).isEmpty();
    }
  }
}
