package dev.whimbrel.dns;

import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import dev.whimbrel.activity.Failures;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.xbill.DNS.AAAARecord;
import org.xbill.DNS.ARecord;
import org.xbill.DNS.CNAMERecord;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.SimpleResolver;
import org.xbill.DNS.TXTRecord;
import org.xbill.DNS.TextParseException;
import org.xbill.DNS.Type;

/**
 * One DNS server that can be asked, either with authority or as a caching resolver. Nothing is
 * cached here. A server that does not answer within two seconds gives a {@code Transient} failure.
 *
 * @param label what people call it, {@code ns1.example.com:53}
 * @param address where it listens
 * @param recursive whether it is asked to resolve; otherwise it must answer with authority
 */
public record Nameserver(String label, InetSocketAddress address, boolean recursive) {
  private static final Duration PATIENCE = Duration.ofSeconds(2);
  private static final int DNS_PORT = 53;

  /**
   * A server written {@code host}, {@code host:port} or {@code [2001:db8::53]:port}.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} if it cannot be read or found
   */
  public static Nameserver of(String text, boolean recursive) {
    String host = text;
    int port = DNS_PORT;
    int colon = text.lastIndexOf(':');
    boolean withPort =
        text.startsWith("[") ? colon > text.indexOf(']') : colon >= 0 && text.indexOf(':') == colon;
    if (withPort) {
      if (!text.substring(colon + 1).matches("\\d{1,5}")) {
        throw unusable(text, "expected host:port");
      }
      host = text.substring(0, colon);
      port = Integer.parseInt(text.substring(colon + 1));
    }
    InetSocketAddress address = new InetSocketAddress(host.replaceAll("^\\[|]$", ""), port);
    if (address.isUnresolved()) {
      throw unusable(text, "its address is not known here");
    }
    return new Nameserver(text, address, recursive);
  }

  /**
   * The name's own records: its addresses, or the host name of which it is an alias, which is not
   * followed.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code Transient} if it does not answer; {@code
   *     NeedsHelp} if it has no authority
   */
  public NameState look(String name) {
    List<RecordSet> sets = new ArrayList<>();
    for (String type : Destination.TYPES) {
      set(name, type).ifPresent(sets::add);
    }
    return new NameState(name, sets, Optional.empty());
  }

  /** The texts of a name's TXT records; empty where there are none. */
  public List<String> texts(String name) {
    return ask(name, Type.TXT).getSection(Section.ANSWER).stream()
        .filter(TXTRecord.class::isInstance)
        .map(r -> String.join("", ((TXTRecord) r).getStrings()))
        .toList();
  }

  /**
   * Asks one question.
   *
   * @throws io.temporal.failure.ApplicationFailure as {@link #look}
   */
  public Message ask(String name, int type) {
    Message query = Message.newQuery(Record.newRecord(absolute(name), type, DClass.IN));
    if (!recursive) {
      query.getHeader().unsetFlag(Flags.RD);
    }
    Message answer;
    try {
      SimpleResolver resolver = new SimpleResolver(address);
      resolver.setTimeout(PATIENCE);
      resolver.setIoClientFactory(new OwnConnection());
      answer = resolver.send(query);
    } catch (IOException e) {
      throw Failures.transientFailure(
          "DNS server %s does not answer for %s within %d s"
              .formatted(label, name, PATIENCE.toSeconds()));
    }
    int rcode = answer.getRcode();
    if (rcode != Rcode.NOERROR && rcode != Rcode.NXDOMAIN) {
      String message =
          "DNS server %s answers %s for %s".formatted(label, Rcode.string(rcode), name);
      throw rcode == Rcode.REFUSED
          ? Failures.needsHelp(message, "let this server answer the workers for " + name, null)
          : Failures.transientFailure(message);
    }
    if (!recursive && !answer.getHeader().getFlag(Flags.AA)) {
      throw Failures.needsHelp(
          "DNS server %s answers for %s without authority".formatted(label, name),
          "list only servers that hold the zone, under authoritative in the runbook's dns",
          "dig @%s -p %d +norecurse %s SOA"
              .formatted(address.getHostString(), address.getPort(), name));
    }
    return answer;
  }

  /** One type of a name's own records, as this server answers now. */
  Optional<RecordSet> set(String name, String type) {
    int ttl = 0;
    List<String> values = new ArrayList<>();
    Name owner = absolute(name);
    for (Record record : ask(name, Type.value(type)).getSection(Section.ANSWER)) {
      if (!record.getName().equals(owner) || record.getType() != Type.value(type)) {
        continue;
      }
      if (record instanceof ARecord a) {
        values.add(Destination.canonical(a.getAddress()));
      } else if (record instanceof AAAARecord aaaa) {
        values.add(Destination.canonical(aaaa.getAddress()));
      } else if (record instanceof CNAMERecord alias) {
        values.add(NamePlan.bare(alias.getTarget().toString()));
      }
      ttl = Math.toIntExact(record.getTTL());
    }
    return values.isEmpty()
        ? Optional.empty()
        : Optional.of(new RecordSet(name, type, ttl, values.stream().sorted().toList()));
  }

  /** Every host name that an alias leads through, as far as this server answers. */
  List<String> aliases(String name) {
    List<String> through = new ArrayList<>();
    Name at = absolute(name);
    for (Record record : ask(name, Type.A).getSection(Section.ANSWER)) {
      if (record instanceof CNAMERecord alias && record.getName().equals(at)) {
        at = alias.getTarget();
        through.add(NamePlan.bare(at.toString()));
      }
    }
    return through;
  }

  private static Name absolute(String name) {
    try {
      return Name.fromString(name, Name.root);
    } catch (TextParseException e) {
      throw Failures.needsHelp(
          "'%s' is not a DNS name".formatted(name), "correct dns.names in the runbook", null);
    }
  }

  private static RuntimeException unusable(String text, String why) {
    return Failures.needsHelp(
        "Cannot use DNS server '%s': %s".formatted(text, why),
        "write host:port of a server that the workers can reach",
        null);
  }
}
