package dev.whimbrel.servers;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.TextParseException;
import org.xbill.DNS.Type;

/**
 * A zone as Route 53's name servers answer for it: of several sets one is chosen for each question,
 * by weight, among those whose health check is good.
 */
final class WeightedZone {
  /** What Route 53 answers with for an alias whose target has no TTL of its own. */
  private static final int ALIAS_TTL = 60;

  private static final int LONGEST_CHAIN = 8;
  private static final Pattern OCTAL = Pattern.compile("\\\\([0-7]{3})");

  private final Name apex;
  private final List<Route53Set> sets;
  private final Map<String, List<String>> elsewhere;
  private final Predicate<String> healthy;

  /**
   * @param zone with the last dot
   * @param elsewhere addresses of names outside of the zone that aliases stand for
   * @param healthy whether a health check, by its id, is good
   */
  WeightedZone(
      String zone,
      List<Route53Set> sets,
      Map<String, List<String>> elsewhere,
      Predicate<String> healthy) {
    this.apex = name(zone);
    this.sets = sets;
    this.elsewhere = elsewhere;
    this.healthy = healthy;
  }

  /** The answer, with authority. */
  Message answer(Message query) {
    Message answer = new Message(query.getHeader().getID());
    answer.getHeader().setFlag(Flags.QR);
    if (query.getHeader().getFlag(Flags.RD)) {
      answer.getHeader().setFlag(Flags.RD);
    }
    Record question = query.getQuestion();
    answer.addRecord(question, Section.QUESTION);
    if (!question.getName().subdomain(apex)) {
      answer.getHeader().setRcode(Rcode.REFUSED);
      return answer;
    }
    answer.getHeader().setFlag(Flags.AA);
    boolean exists = follow(question.getName(), question.getType(), answer);
    if (answer.getSection(Section.ANSWER).isEmpty()) {
      answer.getHeader().setRcode(exists ? Rcode.NOERROR : Rcode.NXDOMAIN);
      records(apex, Type.SOA, apex).forEach(soa -> answer.addRecord(soa, Section.AUTHORITY));
    }
    return answer;
  }

  /** Adds what answers the question; says whether the name exists. */
  private boolean follow(Name asked, int type, Message answer) {
    Name at = asked;
    for (int links = 0; links < LONGEST_CHAIN && at.subdomain(apex); links++) {
      Optional<Name> node = node(at);
      if (node.isEmpty()) {
        return links > 0;
      }
      List<Record> aliases = type == Type.CNAME ? List.of() : records(node.get(), Type.CNAME, at);
      List<Record> found = aliases.isEmpty() ? records(node.get(), type, at) : aliases;
      found.forEach(record -> answer.addRecord(record, Section.ANSWER));
      if (aliases.isEmpty()) {
        return true;
      }
      at = ((org.xbill.DNS.CNAMERecord) aliases.get(0)).getTarget();
    }
    return true;
  }

  /** The name whose records answer for a name: itself, or the wildcard that covers it. */
  private Optional<Name> node(Name asked) {
    for (Name at = asked; at.subdomain(apex); at = new Name(at, 1)) {
      Name here = at;
      if (sets.stream().anyMatch(set -> name(set.name()).subdomain(here))) {
        return at.equals(asked)
            ? Optional.of(at)
            : sets.stream()
                .map(set -> name(set.name()))
                .filter(name -> name.isWild() && new Name(name, 1).equals(here))
                .findFirst();
      }
      if (at.labels() == 1) {
        break;
      }
    }
    return Optional.empty();
  }

  /** One set's records, under the name that was asked for. */
  private List<Record> records(Name node, int type, Name owner) {
    return chosen(node, type)
        .map(set -> set.aliasTo() == null ? plain(set, owner) : alias(set, type, owner))
        .orElse(List.of());
  }

  private static List<Record> plain(Route53Set set, Name owner) {
    Integer ttl = set.ttl();
    return set.values().stream()
        .map(value -> record(owner, Type.value(set.type()), ttl == null ? 0 : ttl, value))
        .toList();
  }

  private List<Record> alias(Route53Set set, int type, Name owner) {
    String target = String.valueOf(set.aliasTo());
    List<String> addresses = elsewhere.get(target);
    if (addresses != null) {
      return addresses.stream()
          .filter(address -> (type == Type.AAAA) == (address.indexOf(':') >= 0))
          .map(address -> record(owner, type, ALIAS_TTL, address))
          .toList();
    }
    return node(name(target)).map(node -> records(node, type, owner)).orElse(List.of());
  }

  private Optional<Route53Set> chosen(Name node, int type) {
    List<Route53Set> candidates =
        sets.stream()
            .filter(set -> Type.value(set.type()) == type && name(set.name()).equals(node))
            .toList();
    if (candidates.size() <= 1) {
      return candidates.stream().findFirst();
    }
    // Sets of weight 0 are served only where no other one is good; where none is good, all are.
    List<Route53Set> good = candidates.stream().filter(this::isHealthy).toList();
    List<Route53Set> weighty = good.stream().filter(set -> weight(set) > 0).toList();
    List<Route53Set> served = !weighty.isEmpty() ? weighty : good.isEmpty() ? candidates : good;
    int all = served.stream().mapToInt(WeightedZone::weight).sum();
    if (all == 0) {
      return Optional.of(served.get(ThreadLocalRandom.current().nextInt(served.size())));
    }
    int at = ThreadLocalRandom.current().nextInt(all);
    for (Route53Set set : served) {
      at -= weight(set);
      if (at < 0) {
        return Optional.of(set);
      }
    }
    throw new IllegalStateException("Cannot choose among " + served);
  }

  private boolean isHealthy(Route53Set set) {
    String check = set.healthCheck();
    return check == null || healthy.test(check);
  }

  private static int weight(Route53Set set) {
    Integer weight = set.weight();
    return weight == null ? 0 : weight;
  }

  private static Record record(Name owner, int type, long ttl, String value) {
    try {
      return Record.fromString(owner, type, DClass.IN, ttl, value, Name.root);
    } catch (IOException e) {
      throw new IllegalStateException("Cannot read the value " + value, e);
    }
  }

  /** Route 53 writes unusual characters in octal, zone files in decimal. */
  private static Name name(String text) {
    String decimal =
        OCTAL
            .matcher(text)
            .replaceAll(
                code ->
                    Matcher.quoteReplacement(
                        "\\%03d".formatted(Integer.parseInt(code.group(1), 8))));
    try {
      return Name.fromString(decimal, Name.root);
    } catch (TextParseException e) {
      throw new IllegalStateException("Cannot read the name " + text, e);
    }
  }
}
