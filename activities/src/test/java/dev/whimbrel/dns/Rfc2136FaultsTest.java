package dev.whimbrel.dns;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.FaultTable;
import dev.whimbrel.activity.DnsMove;
import dev.whimbrel.activity.DnsSnapshot;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.ShiftRequest;
import dev.whimbrel.activity.Side;
import dev.whimbrel.dns.FaultyDns.Fault;
import dev.whimbrel.runbook.DnsSpec;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import io.temporal.failure.ApplicationFailure;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Every message to a server that takes updates goes wrong in every way, in a shift. */
@Needs(Program.NAMED)
class Rfc2136FaultsTest {
  private static final String SHOP = ZoneFixture.SHOP;
  private static final String OTHER = "other.example.test";

  private final FaultTable table =
      new FaultTable("rfc2136", "Servers that take updates (RFC 2136)")
          .hiding("127\\.0\\.0\\.1:\\d+", "ns1.example.test:53");

  @Test
  void nothingIsDoneTwiceAndEveryMessageSaysWhatToDo() {
    try (ZoneFixture zone = new ZoneFixture();
        FaultyDns wire = new FaultyDns(zone.bind.port())) {
      DnsMove move = move(zone, wire.port(), "env:TSIG");
      DnsSnapshot found = zone.dns.findRecords(move);
      List<String> asFound = zone.served(SHOP);
      List<String> bystander = zone.served(OTHER);
      for (String call : List.of("A", "AAAA", "CNAME", "TXT", "UPDATE")) {
        for (Fault fault : Fault.values()) {
          wire.next(call, fault);
          row(call, fault.words(), zone, new ShiftRequest(move, found, Side.TARGET));

          assertThat(wire.happened()).as("%s of %s happened", fault, call).isTrue();
          zone.dns.shift(new ShiftRequest(move, found, Side.TARGET));
          assertThat(zone.served(SHOP))
              .containsExactly("1800 2001:db8:2::20", "3600 198.51.100.20");
          zone.dns.shift(new ShiftRequest(move, found, Side.SOURCE));
          assertThat(zone.served(SHOP)).isEqualTo(asFound);
          assertThat(zone.served(OTHER)).isEqualTo(bystander);
        }
      }
      row(
          "UPDATE",
          "the key is wrong",
          zone,
          new ShiftRequest(move(zone, wire.port(), "env:BAD"), found, Side.TARGET));
      zone.somebodyElseWrites(SHOP + " 300 A 192.0.2.99");
      row("A", "somebody else has changed it", zone, new ShiftRequest(move, found, Side.TARGET));
      assertThat(zone.served(SHOP)).contains("300 192.0.2.99");
    }

    table.check();
  }

  private void row(String call, String fault, ZoneFixture zone, ShiftRequest request) {
    try {
      zone.dns.shift(request);
      table.row(call, fault, "The change is made, once.", "");
    } catch (ApplicationFailure e) {
      boolean passes = Failures.TRANSIENT.equals(e.getType());
      Failures.Help help = passes ? null : e.getDetails().get(0, Failures.Help.class);
      table.row(
          call,
          fault,
          passes ? "The step comes again by itself." : "Parks; then `retry`.",
          help == null ? e.getOriginalMessage() : help.cause() + ". Fix: " + help.remedy());
    }
  }

  private static DnsMove move(ZoneFixture zone, int port, String key) {
    DnsSpec.Rfc2136 spec =
        new DnsSpec.Rfc2136(
            "127.0.0.1:" + port,
            "example.test",
            new DnsSpec.TsigKey(zone.bind.keyName(), "hmac-sha256", key),
            List.of(ZoneFixture.at(zone.bind)));
    return zone.move(new DnsSpec(null, null, spec, List.of(SHOP), ZoneFixture.ttl(), List.of()));
  }
}
