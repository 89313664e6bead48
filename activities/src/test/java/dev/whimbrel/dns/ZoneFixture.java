package dev.whimbrel.dns;

import dev.whimbrel.activity.DnsMove;
import dev.whimbrel.activity.DnsSnapshot;
import dev.whimbrel.activity.ShiftRequest;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.TtlRequest;
import dev.whimbrel.runbook.DnsSpec;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.BindServer;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.xbill.DNS.Record;

/** A zone on a real BIND: a service with both families, and a bystander. */
final class ZoneFixture implements AutoCloseable {
  static final String SHOP = "shop.example.test";
  static final List<String> SOURCE = List.of("203.0.113.10", "2001:db8:1::10");
  static final List<String> TARGET = List.of("198.51.100.20", "2001:db8:2::20");

  final BindServer bind;
  final Secrets secrets;
  final RegistryDns dns;

  ZoneFixture() {
    this(server());
  }

  ZoneFixture(BindServer bind) {
    this.bind = bind;
    this.secrets = new Secrets(Map.of("TSIG", bind.keySecret(), "BAD", "d3Jvbmc="));
    this.dns = new RegistryDns(secrets);
  }

  /** One more server for the same zone, which follows nobody. */
  static BindServer server(String... more) {
    return zone(more).start();
  }

  static BindServer.Builder zone(String... more) {
    BindServer.Builder zone =
        BindServer.zone("example.test")
            .record("shop 3600 IN A 203.0.113.10")
            .record("shop 1800 IN AAAA 2001:db8:1::10")
            .record("other 300 IN A 192.0.2.7")
            .record("alias IN CNAME shop");
    Stream.of(more).forEach(zone::record);
    return zone;
  }

  DnsSpec.Rfc2136 spec(String keySecret, BindServer... authoritative) {
    return new DnsSpec.Rfc2136(
        at(bind),
        "example.test",
        new DnsSpec.TsigKey(bind.keyName(), "hmac-sha256", keySecret),
        Stream.of(authoritative).map(ZoneFixture::at).toList());
  }

  DnsMove move() {
    return move(new DnsSpec(null, null, spec("env:TSIG", bind), List.of(SHOP), ttl(), List.of()));
  }

  DnsMove move(DnsSpec spec) {
    return new DnsMove("shop", spec, SOURCE, TARGET);
  }

  static DnsSpec.Ttl ttl() {
    return new DnsSpec.Ttl(List.of(60), null);
  }

  static String at(BindServer server) {
    return "127.0.0.1:" + server.port();
  }

  ShiftRequest to(Side side, DnsSnapshot found) {
    return new ShiftRequest(move(), found, side);
  }

  TtlRequest lower(DnsSnapshot found) {
    return new TtlRequest(move(), found, 60, false);
  }

  TtlRequest restore(DnsSnapshot found) {
    return new TtlRequest(move(), found, 0, true);
  }

  /** What the server says now: {@code 60 A 203.0.113.10}, sorted. */
  List<String> served(String name) {
    return Stream.of("A", "AAAA")
        .flatMap(type -> bind.records(name, type).stream())
        .map(ZoneFixture::line)
        .sorted()
        .toList();
  }

  private static String line(Record record) {
    return "%d %s"
        .formatted(
            record.getTTL(),
            record instanceof org.xbill.DNS.ARecord a
                ? Destination.canonical(a.getAddress())
                : Destination.canonical(((org.xbill.DNS.AAAARecord) record).getAddress()));
  }

  /** Somebody else changes the zone. */
  void somebodyElseWrites(String... lines) {
    NsUpdate.send(bind, lines);
  }

  @Override
  public void close() {
    bind.close();
  }
}
