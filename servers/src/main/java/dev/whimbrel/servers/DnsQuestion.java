package dev.whimbrel.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.List;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.SimpleResolver;
import org.xbill.DNS.Type;

/** One question to a DNS server on 127.0.0.1. */
public final class DnsQuestion {
  private static final Duration PATIENCE = Duration.ofSeconds(2);

  private DnsQuestion() {}

  public static List<Record> ask(int port, String name, String type) {
    try {
      SimpleResolver resolver = new SimpleResolver(Relay.localhost());
      resolver.setPort(port);
      resolver.setTimeout(PATIENCE);
      Name absolute = Name.fromString(name, Name.root);
      Record question = Record.newRecord(absolute, Type.value(type), DClass.IN);
      return resolver.send(Message.newQuery(question)).getSection(Section.ANSWER);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static boolean answers(int port, String zone) {
    try {
      return !ask(port, zone, "SOA").isEmpty();
    } catch (UncheckedIOException notYet) {
      return false;
    }
  }
}
