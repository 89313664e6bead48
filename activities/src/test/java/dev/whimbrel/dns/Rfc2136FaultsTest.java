package dev.whimbrel.dns;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.FaultTable;
import dev.whimbrel.activity.DnsMove;
import dev.whimbrel.activity.DnsSnapshot;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.ShiftRequest;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.TtlRequest;
import dev.whimbrel.dns.FaultyDns.Fault;
import dev.whimbrel.dns.rfc2136.Rfc2136Provider;
import dev.whimbrel.runbook.DnsSpec;
import dev.whimbrel.servers.BindServer;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import io.temporal.failure.ApplicationFailure;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.xbill.DNS.SOARecord;

/** Every message to a server that takes updates goes wrong in every way, in the midst of a step. */
@Needs(Program.NAMED)
class Rfc2136FaultsTest {
  private static final String SHOP = ZoneFixture.SHOP;
  private static final String OTHER = "other.example.test";
  private static final List<String> QUERIES = List.of("A", "AAAA", "CNAME", "TXT");
  private static final int PATIENCE_SECONDS = 60;

  private final FaultTable table =
      new FaultTable("rfc2136", "Servers that take updates (RFC 2136)")
          .hiding("127\\.0\\.0\\.1:\\d+", "ns1.example.test:53")
          .hiding("@127\\.0\\.0\\.1 -p \\d+", "@ns1.example.test")
          .hiding("server 127\\.0\\.0\\.1 \\d+", "server ns1.example.test 53");

  private record Row(String call, String fault, Optional<ApplicationFailure> failure) {}

  /** An update, and how many others of its step come before it. */
  private record Updating(String call, int after, boolean last) {}

  private static final List<Updating> UPDATES =
      List.of(
          new Updating("UPDATE (the mark comes)", 0, false),
          new Updating("UPDATE (the records)", 1, false),
          new Updating("UPDATE (the mark goes)", 0, true));

  @Test
  void nothingIsDoneTwiceAndEveryMessageSaysWhatToDo() {
    List<CompletableFuture<List<Row>>> parts = new ArrayList<>();
    // Most of it is waiting for answers that never come: each part has servers of its own.
    for (Supplier<List<Row>> part :
        List.<Supplier<List<Row>>>of(
            this::queries, this::updates, this::kills, this::silence, this::rights, this::zone)) {
      parts.add(CompletableFuture.supplyAsync(part, task -> new Thread(task, "faults").start()));
    }

    parts.stream().flatMap(part -> part.join().stream()).forEach(this::row);

    table.check();
  }

  private List<Row> queries() {
    try (World world = new World()) {
      for (String call : QUERIES) {
        for (Fault fault :
            List.of(Fault.REQUEST_LOST, Fault.ANSWER_LOST, Fault.SERVFAIL, Fault.REFUSED)) {
          world.step(call, fault.words(), false, wire -> wire.next(call, 0, fault));
        }
        world.somebodyElse(call, call, 0, false);
      }
      return world.rows;
    }
  }

  private List<Row> updates() {
    try (World world = new World()) {
      for (Updating each : UPDATES) {
        for (Fault fault :
            List.of(Fault.REQUEST_LOST, Fault.ANSWER_LOST, Fault.SERVFAIL, Fault.REFUSED)) {
          world.step(
              each.call(),
              fault.words() + ", once",
              each.last(),
              wire -> wire.next("UPDATE", each.after(), fault));
          world.step(
              each.call(),
              fault.words() + ", every time",
              each.last(),
              wire -> wire.always("UPDATE", each.after(), fault));
        }
        world.somebodyElse(each.call(), "UPDATE", each.after(), each.last());
      }
      return world.rows;
    }
  }

  private List<Row> kills() {
    try (World world = new World()) {
      for (Updating each : UPDATES) {
        world.killedBefore(each);
        world.killedAfter(each);
      }
      return world.rows;
    }
  }

  private List<Row> silence() {
    try (World world = new World()) {
      for (boolean always : List.of(false, true)) {
        world.step(
            "UPDATE (the records)",
            Fault.HANGS.words() + (always ? ", every time" : ", once"),
            false,
            wire -> {
              if (always) {
                wire.always("UPDATE", 1, Fault.HANGS);
              } else {
                wire.next("UPDATE", 1, Fault.HANGS);
              }
            });
      }
      return world.rows;
    }
  }

  /** What the server itself refuses, for as long as nobody changes its configuration. */
  private List<Row> rights() {
    List<Row> rows = new ArrayList<>();
    try (World world = new World()) {
      DnsMove wrong = world.move("env:BAD");
      ShiftRequest request = new ShiftRequest(wrong, world.found, Side.TARGET);
      rows.add(
          new Row(
              "UPDATE",
              "the key is wrong",
              FaultTable.failure(() -> world.zone.dns.shift(request))));
      world.goOnAndBack(false);
    }
    BindServer.Builder elsewhere = ZoneFixture.zone().granting("name " + OTHER + ". A");
    try (World world = new World(elsewhere.start())) {
      rows.add(
          new Row(
              "UPDATE",
              "the key has no right to it",
              FaultTable.failure(() -> world.step(false).run())));
      assertThat(world.zone.served(SHOP)).isEqualTo(world.asFound);
    }
    return rows;
  }

  /** The look for the zone's servers, where the runbook lists none. */
  private List<Row> zone() {
    List<Row> rows = new ArrayList<>();
    try (World world = new World()) {
      DnsSpec.Rfc2136 spec = world.spec("env:TSIG", List.of());
      DnsMove move = World.move(world.zone, spec);
      List<String> calls = List.of("NS", "A", "AAAA", "CNAME");
      for (String call : calls) {
        for (Fault fault : List.of(Fault.REQUEST_LOST, Fault.SERVFAIL, Fault.REFUSED)) {
          world.wire.next(call, 0, fault);
          rows.add(
              new Row(
                  call.equals("NS") ? "NS" : call + " (of a name server)",
                  fault.words(),
                  FaultTable.failure(() -> world.zone.dns.findRecords(move))));

          assertThat(world.wire.heal()).as("%s of %s", fault, call).isPositive();
          assertThat(new Rfc2136Provider(spec, world.zone.secrets).authoritative())
              .extracting(Nameserver::label)
              .containsExactly("ns1.example.test:53");
        }
      }
      world.zone.somebodyElseWrites(SHOP + " 300 A 192.0.2.99");
      world.wire.next("NS", 0, Fault.SERVFAIL);
      rows.add(
          new Row(
              "NS",
              "SERVFAIL, while somebody else has changed a record",
              FaultTable.failure(
                  () -> world.zone.dns.shift(new ShiftRequest(move, world.found, Side.TARGET)))));
      assertThat(world.wire.heal()).isPositive();
    }
    return rows;
  }

  private void row(Row row) {
    if (row.failure().isEmpty()) {
      table.row(row.call(), row.fault(), "The change is made, once.", "");
      return;
    }
    ApplicationFailure failure = row.failure().get();
    assertThat(failure.getCause()).isNull();
    if (Failures.TRANSIENT.equals(failure.getType())) {
      table.row(
          row.call(), row.fault(), "The step comes again by itself.", failure.getOriginalMessage());
      return;
    }
    Failures.Help help = failure.getDetails().get(0, Failures.Help.class);
    table.row(
        row.call(),
        row.fault(),
        "Parks; then `retry`.",
        help.cause()
            + ". Fix: "
            + help.remedy()
            + (help.command() == null ? "" : ": `" + help.command() + "`"));
  }

  /** A zone, the wire to it, and what becomes of it. */
  private static final class World implements AutoCloseable {
    private final ZoneFixture zone;
    private final FaultyDns wire;
    private final DnsMove move;
    private final DnsSnapshot found;
    private final List<String> asFound;
    private final List<String> bystander;
    private final List<Row> rows = new ArrayList<>();

    World() {
      this(ZoneFixture.server());
    }

    World(BindServer server) {
      zone = new ZoneFixture(server);
      wire = new FaultyDns(server.port());
      move = move("env:TSIG");
      found = zone.dns.findRecords(move);
      asFound = zone.served(SHOP);
      bystander = zone.served(OTHER);
    }

    DnsSpec.Rfc2136 spec(String key, List<String> authoritative) {
      return new DnsSpec.Rfc2136(
          "127.0.0.1:" + wire.port(),
          "example.test",
          new DnsSpec.TsigKey(zone.bind.keyName(), "hmac-sha256", key),
          authoritative);
    }

    DnsMove move(String key) {
      return move(zone, spec(key, List.of(ZoneFixture.at(zone.bind))));
    }

    static DnsMove move(ZoneFixture zone, DnsSpec.Rfc2136 spec) {
      return zone.move(new DnsSpec(null, null, spec, List.of(SHOP), ZoneFixture.ttl(), List.of()));
    }

    /** The shift, or the last step of all, over the wire. */
    Runnable step(boolean last) {
      return step(last, move);
    }

    private Runnable step(boolean last, DnsMove way) {
      return last
          ? () -> zone.dns.setTtl(new TtlRequest(way, found, 0, true))
          : () -> zone.dns.shift(new ShiftRequest(way, found, Side.TARGET));
    }

    void step(String call, String words, boolean last, Consumer<FaultyDns> plant) {
      before(last);
      long serial = serial();
      plant.accept(wire);

      Optional<ApplicationFailure> failure = FaultTable.failure(step(last));

      assertThat(wire.heal()).as("%s: %s happened", call, words).isPositive();
      if (failure.isEmpty()) {
        assertThat(serial() - serial).as("%s: %s", call, words).isEqualTo(last ? 1 : 2);
      }
      rows.add(new Row(call, words, failure));
      goOnAndBack(last);
    }

    void somebodyElse(String call, String message, int after, boolean last) {
      before(last);
      wire.meanwhile(message, after, () -> zone.somebodyElseWrites(SHOP + " 300 A 192.0.2.99"));

      Optional<ApplicationFailure> failure = FaultTable.failure(step(last));

      assertThat(wire.heal()).as("%s of somebody else", call).isPositive();
      assertThat(zone.served(SHOP)).contains("300 192.0.2.99");
      assertThat(failure).as(call).isPresent();
      rows.add(new Row(call, "somebody else changes the record while it is on its way", failure));
      zone.somebodyElseWrites(SHOP + " 3600 A 203.0.113.10");
      goOnAndBack(last);
    }

    void killedBefore(Updating each) {
      before(each.last());
      CountDownLatch arrived = new CountDownLatch(1);
      CountDownLatch goOn = new CountDownLatch(1);
      wire.killedWithAMessageOnItsWay(
          "UPDATE",
          each.after(),
          () -> {
            arrived.countDown();
            await(goOn);
          });
      CompletableFuture<Optional<ApplicationFailure>> killed =
          CompletableFuture.supplyAsync(
              () -> FaultTable.failure(step(each.last())), task -> new Thread(task).start());
      await(arrived);

      step(each.last(), zone.move()).run();
      long serial = serial();
      goOn.countDown();
      killed.join();

      assertThat(serial()).as("the late %s", each.call()).isEqualTo(serial);
      assertThat(wire.heal()).isPositive();
      rows.add(
          new Row(
              each.call(),
              "worker killed before it; the message arrives when another worker has done the step",
              Optional.empty()));
      goOnAndBack(each.last());
    }

    void killedAfter(Updating each) {
      before(each.last());
      long serial = serial();
      wire.killed("UPDATE", each.after(), Fault.ANSWER_LOST);

      Optional<ApplicationFailure> killed = FaultTable.failure(step(each.last()));
      boolean made = serial() == serial + each.after() + 1;
      int gone = wire.heal();

      assertThat(killed).isPresent();
      assertThat(made).as(each.call()).isTrue();
      assertThat(gone).isPositive();
      step(each.last(), zone.move()).run();
      rows.add(
          new Row(each.call(), "worker killed after it, before it hears of it", Optional.empty()));
      goOnAndBack(each.last());
    }

    private void before(boolean last) {
      if (last) {
        zone.dns.shift(new ShiftRequest(move, found, Side.TARGET));
        zone.dns.shift(new ShiftRequest(move, found, Side.SOURCE));
      }
    }

    /** The step comes again without the fault; then the way back is taken. */
    void goOnAndBack(boolean last) {
      step(last).run();
      if (!last) {
        assertThat(zone.served(SHOP)).containsExactly("1800 2001:db8:2::20", "3600 198.51.100.20");
        zone.dns.shift(new ShiftRequest(move, found, Side.SOURCE));
        step(true).run();
      }
      assertThat(zone.served(SHOP)).isEqualTo(asFound);
      assertThat(zone.bind.records(Mark.nameFor(SHOP), "TXT")).isEmpty();
      assertThat(zone.served(OTHER)).isEqualTo(bystander);
    }

    private long serial() {
      return ((SOARecord) zone.bind.records("example.test", "SOA").get(0)).getSerial();
    }

    private static void await(CountDownLatch latch) {
      try {
        assertThat(latch.await(PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }

    @Override
    public void close() {
      try (zone) {
        wire.close();
      }
    }
  }
}
