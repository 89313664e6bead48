package dev.whimbrel.dns.rfc2136;

import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import dev.whimbrel.dns.Destination;
import dev.whimbrel.dns.Mark;
import dev.whimbrel.dns.NameState;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.xbill.DNS.AAAARecord;
import org.xbill.DNS.ARecord;
import org.xbill.DNS.Address;
import org.xbill.DNS.CNAMERecord;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Record;
import org.xbill.DNS.TXTRecord;
import org.xbill.DNS.Type;
import org.xbill.DNS.Update;

/** One update message: both families and the mark, with everything expected as prerequisites. */
final class CompareAndSet {
  private final Name zone;
  private final NameState expected;
  private final NameState wanted;

  CompareAndSet(Name zone, NameState expected, NameState wanted) {
    this.zone = zone;
    this.expected = expected;
    this.wanted = wanted;
  }

  Message message() {
    Update update = new Update(zone);
    Name name = Names.absolute(wanted.name());
    List<Record> added = new ArrayList<>();
    for (String type : Destination.TYPES) {
      added.addAll(
          replace(
              update,
              name,
              Type.value(type),
              records(expected.sets(), type),
              records(wanted.sets(), type)));
    }
    added.addAll(
        replace(
            update,
            Names.absolute(Mark.nameFor(wanted.name())),
            Type.TXT,
            records(expected.name(), expected.mark()),
            records(wanted.name(), wanted.mark())));
    // Last of all: nothing may stand beside an alias, so that what it replaces goes first.
    added.forEach(update::add);
    return update;
  }

  /** Asks for what is expected, takes it away, and returns what is to be added. */
  private static List<Record> replace(
      Update update, Name name, int type, List<Record> before, List<Record> after) {
    if (before.isEmpty()) {
      update.absent(name, type);
    }
    for (Record record : before) {
      // A prerequisite with a TTL is a format error, and it must name every value of the set.
      update.present(Record.newRecord(name, type, DClass.IN, 0, record.rdataToWireCanonical()));
    }
    if (before.equals(after) && sameTtl(before, after)) {
      return List.of();
    }
    if (!before.isEmpty()) {
      update.delete(name, type);
    }
    return after;
  }

  private static boolean sameTtl(List<Record> before, List<Record> after) {
    return before.isEmpty() || before.get(0).getTTL() == after.get(0).getTTL();
  }

  private static List<Record> records(List<RecordSet> sets, String type) {
    List<Record> records = new ArrayList<>();
    for (RecordSet set : sets) {
      if (set.type().equals(type)) {
        set.values().forEach(value -> records.add(record(set, value)));
      }
    }
    return records;
  }

  private static List<Record> records(String name, Optional<Mark> mark) {
    Name marked = Names.absolute(Mark.nameFor(name));
    return mark.map(m -> new TXTRecord(marked, DClass.IN, Mark.TTL, m.text()))
        .map(record -> List.<Record>of(record))
        .orElse(List.of());
  }

  private static Record record(RecordSet set, String value) {
    Name name = Names.absolute(set.name());
    try {
      if (set.type().equals("CNAME")) {
        return new CNAMERecord(name, DClass.IN, set.ttl(), Names.absolute(value));
      }
      return set.type().equals("A")
          ? new ARecord(name, DClass.IN, set.ttl(), Address.getByAddress(value, Address.IPv4))
          : new AAAARecord(name, DClass.IN, set.ttl(), Address.getByAddress(value, Address.IPv6));
    } catch (UnknownHostException e) {
      throw new IllegalArgumentException("expected an IP address, found '" + value + "'");
    }
  }
}
