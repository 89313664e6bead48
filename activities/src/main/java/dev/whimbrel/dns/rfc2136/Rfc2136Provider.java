package dev.whimbrel.dns.rfc2136;

import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.dns.Destination;
import dev.whimbrel.dns.DnsProvider;
import dev.whimbrel.dns.Health;
import dev.whimbrel.dns.Mark;
import dev.whimbrel.dns.NameState;
import dev.whimbrel.dns.Nameserver;
import dev.whimbrel.dns.OwnConnection;
import dev.whimbrel.runbook.DnsSpec;
import dev.whimbrel.secrets.Secrets;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.SimpleResolver;
import org.xbill.DNS.TSIG;

/** A zone on a server that takes dynamic updates. */
public final class Rfc2136Provider implements DnsProvider {
  /** An update is written to disk before it is answered; more than this is a broken connection. */
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  private static final int MOST_UNANSWERED = 2;

  private final DnsSpec.Rfc2136 spec;
  private final Nameserver primary;
  private final Name zone;
  private final @Nullable TSIG key;
  private int unanswered;

  /**
   * A provider for one zone. Asks nothing yet.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} if the server, the zone or the
   *     key cannot be used
   */
  public Rfc2136Provider(DnsSpec.Rfc2136 spec, Secrets secrets) {
    this.spec = spec;
    this.primary = Nameserver.of(spec.server(), false);
    this.zone = Names.absolute(spec.zone());
    this.key = spec.key() == null ? null : TsigKeys.of(spec.key(), secrets);
  }

  @Override
  public Capabilities capabilities() {
    return new Capabilities(
        false,
        false,
        true,
        "one signed update with the old values and Whimbrel's mark as prerequisites (RFC 2136)");
  }

  @Override
  public NameState read(String name) {
    if (!Names.absolute(name).subdomain(zone)) {
      throw Failures.needsHelp(
          "%s does not lie in the zone %s".formatted(name, spec.zone()),
          "correct dns.names or dns.rfc2136.zone in the runbook",
          null);
    }
    NameState state = primary.look(name);
    Optional<Mark> mark =
        primary.texts(Mark.nameFor(name)).stream()
            .map(Mark::parse)
            .flatMap(Optional::stream)
            .findFirst();
    return state.with(mark);
  }

  @Override
  public List<Nameserver> authoritative() {
    return spec.authoritative().isEmpty()
        ? new NsRecords(primary, spec.zone()).servers()
        : spec.authoritative().stream().map(s -> Nameserver.of(s, false)).toList();
  }

  @Override
  public Change change(NameState expected, NameState wanted) {
    Message update = new CompareAndSet(zone, expected, wanted).message();
    SimpleResolver server = new SimpleResolver(primary.address());
    // Over UDP a lost answer is asked for again, and the update would be made twice.
    server.setTCP(true);
    server.setIoClientFactory(new OwnConnection());
    server.setTimeout(PATIENCE);
    server.setTSIGKey(key);
    Message answer;
    try {
      answer = server.send(update);
    } catch (IOException e) {
      return unanswered(wanted);
    }
    unanswered = 0;
    return new Answers(spec, wanted.name()).judge(answer, key != null);
  }

  /** One lost answer may be chance; whoever gets none at all is told so. */
  private Change unanswered(NameState wanted) {
    unanswered++;
    if (unanswered < MOST_UNANSWERED || read(wanted.name()).mark().equals(wanted.mark())) {
      return Change.UNKNOWN;
    }
    throw Failures.transientFailure(
        "DNS server %s answers queries, but none of %d updates of %s over TCP (each has %d s), and they were not made"
            .formatted(spec.server(), unanswered, wanted.name(), PATIENCE.toSeconds()));
  }

  @Override
  public List<Health> health(List<NameState> names) {
    return List.of();
  }

  @Override
  public List<String> costs(List<String> names) {
    return List.of();
  }

  @Override
  public String byHand(NameState from, NameState wanted) {
    StringBuilder commands = new StringBuilder("nsupdate");
    if (spec.key() != null) {
      commands.append(" -k ").append(spec.key().name()).append(".key");
    }
    commands.append(
        " <<'END'\nserver %s %d\nzone %s\n"
            .formatted(
                primary.address().getHostString(), primary.address().getPort(), spec.zone()));
    for (String type : Destination.TYPES) {
      commands.append("update delete %s. %s\n".formatted(wanted.name(), type));
    }
    for (RecordSet set : wanted.sets()) {
      for (String value : set.values()) {
        String target = set.type().equals("CNAME") ? value + "." : value;
        commands.append(
            "update add %s. %d %s %s\n".formatted(set.name(), set.ttl(), set.type(), target));
      }
    }
    return commands.append("send\nEND").toString();
  }

  @Override
  public List<Finding> findings(List<String> names, boolean weighted) {
    return List.of();
  }
}
