package dev.whimbrel.dns.rfc2136;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.dns.Destination;
import dev.whimbrel.dns.Nameserver;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.xbill.DNS.NSRecord;
import org.xbill.DNS.Name;
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
        servers.addAll(at(ns.getTarget()));
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
  private List<Nameserver> at(Name host) {
    String label = host.toString(true);
    Destination addresses = host.subdomain(Names.absolute(zone)) ? inZone(label) : elsewhere(label);
    if (addresses.isEmpty()) {
      throw Failures.needsHelp(
          "The zone's name server %s has no address that this worker can find".formatted(label),
          "list the servers as the workers reach them under dns.rfc2136.authoritative",
          "getent hosts " + label);
    }
    return (addresses.v4().isEmpty() ? addresses.v6() : addresses.v4())
        .stream()
            .map(each -> new InetSocketAddress(each, PORT))
            .map(each -> new Nameserver(label + ":" + PORT, each, false))
            .toList();
  }

  /** As the zone itself says: a worker's own resolver need not know an internal zone. */
  private Destination inZone(String host) {
    return primary.look(host).destination();
  }

  private static Destination elsewhere(String host) {
    try {
      return Destination.parse(
          Stream.of(InetAddress.getAllByName(host)).map(InetAddress::getHostAddress).toList());
    } catch (UnknownHostException e) {
      return Destination.parse(List.of());
    }
  }
}
