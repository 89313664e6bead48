package dev.whimbrel.dns.rfc2136;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.dns.Nameserver;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;
import org.xbill.DNS.NSRecord;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/** The servers that the zone's NS records name, at every address that each has. */
final class NsRecords {
  private static final int PORT = 53;

  private final Nameserver primary;
  private final String zone;

  NsRecords(Nameserver primary, String zone) {
    this.primary = primary;
    this.zone = zone;
  }

  List<Nameserver> servers() {
    List<Nameserver> servers = new ArrayList<>();
    for (Record record : primary.ask(zone, Type.NS).getSection(Section.ANSWER)) {
      if (record instanceof NSRecord ns) {
        servers.addAll(at(ns.getTarget().toString(true)));
      }
    }
    if (servers.isEmpty()) {
      throw Failures.needsHelp(
          "%s shows no NS records for the zone %s".formatted(primary.label(), zone),
          "correct dns.rfc2136.zone, or list the servers under dns.rfc2136.authoritative",
          "dig @%s -p %d %s NS"
              .formatted(primary.address().getHostString(), primary.address().getPort(), zone));
    }
    return servers;
  }

  /** Only IPv4 where the name has both: the same server, and workers without IPv6 are common. */
  private static List<Nameserver> at(String host) {
    InetAddress[] all;
    try {
      all = InetAddress.getAllByName(host);
    } catch (UnknownHostException e) {
      throw Failures.needsHelp(
          "The zone's name server %s has no address that this worker can find".formatted(host),
          "list the servers as the workers reach them under dns.rfc2136.authoritative",
          "getent hosts " + host);
    }
    boolean v4 = List.of(all).stream().anyMatch(a -> a.getAddress().length == 4);
    return List.of(all).stream()
        .filter(a -> !v4 || a.getAddress().length == 4)
        .map(a -> new Nameserver(host + ":" + PORT, new InetSocketAddress(a, PORT), false))
        .toList();
  }
}
