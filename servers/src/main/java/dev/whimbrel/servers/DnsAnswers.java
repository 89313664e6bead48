package dev.whimbrel.servers;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.xbill.DNS.CNAMERecord;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Header;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Opcode;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/**
 * A name server with authority for zones whose content comes from elsewhere, at each question anew.
 * It answers over UDP and TCP on one port of 127.0.0.1.
 */
public final class DnsAnswers implements AutoCloseable {
  private static final int ALIASES = 8;

  /** What the zones hold at this moment. It is asked by several threads. */
  public interface Content {
    /** The zones that are answered for. */
    Set<Name> zones();

    /**
     * Every record of a name, as one question gets it: where several sides serve by weight, one of
     * them. A zone's own name has its SOA and NS records.
     */
    List<Record> records(Name name);

    /** Whether there is anything at the name or below it. */
    boolean exists(Name name);
  }

  private final Content content;
  private final DnsListener listener;

  private DnsAnswers(Content content) {
    this.content = content;
    this.listener = new DnsListener(this::answer);
  }

  /** Starts it on a free port. */
  public static DnsAnswers start(Content content) {
    return new DnsAnswers(content);
  }

  public int port() {
    return listener.port();
  }

  /** {@code 127.0.0.1:PORT}, as a runbook names a name server. */
  public String address() {
    return "127.0.0.1:" + port();
  }

  /** One answer to one question over UDP. */
  public List<Record> ask(String name, String type) {
    return DnsQuestion.ask(port(), name, type);
  }

  private Message answer(Message question) {
    Message answer = new Message(question.getHeader().getID());
    Header header = answer.getHeader();
    header.setFlag(Flags.QR);
    if (question.getHeader().getFlag(Flags.RD)) {
      header.setFlag(Flags.RD);
    }
    Record asked = question.getQuestion();
    if (asked == null) {
      header.setRcode(Rcode.FORMERR);
      return answer;
    }
    answer.addRecord(asked, Section.QUESTION);
    if (question.getHeader().getOpcode() != Opcode.QUERY) {
      header.setRcode(Rcode.NOTIMP);
      return answer;
    }
    if (zoneOf(asked.getName()).isEmpty()) {
      header.setRcode(Rcode.REFUSED);
      return answer;
    }
    header.setFlag(Flags.AA);
    answer(answer, asked.getName(), asked.getType());
    return answer;
  }

  private void answer(Message answer, Name asked, int type) {
    Name name = asked;
    for (int alias = 0; alias < ALIASES; alias++) {
      Optional<Name> zone = zoneOf(name);
      if (zone.isEmpty()) {
        return;
      }
      List<Record> records = content.records(name);
      Optional<CNAMERecord> cname =
          records.stream()
              .filter(CNAMERecord.class::isInstance)
              .map(CNAMERecord.class::cast)
              .findFirst();
      if (cname.isPresent() && type != Type.CNAME && type != Type.ANY) {
        answer.addRecord(cname.get(), Section.ANSWER);
        name = cname.get().getTarget();
        continue;
      }
      List<Record> fitting =
          records.stream().filter(r -> type == Type.ANY || r.getType() == type).toList();
      fitting.forEach(record -> answer.addRecord(record, Section.ANSWER));
      if (fitting.isEmpty()) {
        if (records.isEmpty() && !content.exists(name)) {
          answer.getHeader().setRcode(Rcode.NXDOMAIN);
        }
        content.records(zone.get()).stream()
            .filter(record -> record.getType() == Type.SOA)
            .forEach(record -> answer.addRecord(record, Section.AUTHORITY));
      }
      return;
    }
  }

  private Optional<Name> zoneOf(Name name) {
    return content.zones().stream()
        .filter(name::subdomain)
        .reduce((one, other) -> one.labels() > other.labels() ? one : other);
  }

  @Override
  public void close() {
    listener.close();
  }
}
