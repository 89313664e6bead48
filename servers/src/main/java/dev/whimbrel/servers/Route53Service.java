package dev.whimbrel.servers;

import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.w3c.dom.Element;
import org.xbill.DNS.Record;

/**
 * A stand-in for Route 53 with one public zone: the API at {@link #endpoint}, as strict as the real
 * one, and a name server that serves a change when, and only when, its id is in sync.
 *
 * <p>Clients need any credentials and any region. What the real service has and this has not: the
 * routing policies other than weights are kept, but the name server treats their sets alike.
 */
public final class Route53Service implements AutoCloseable {
  private final MiniStack stack;
  private final Route53Backend backend;
  private final String zone;
  private final String zoneId;
  private final Map<String, List<String>> elsewhere = new ConcurrentHashMap<>();
  private final Route53Health health = new Route53Health();
  private final Route53Changes changes;
  private final Route53Calls calls;
  private final Route53Front front;
  private final DnsListener listener;
  private volatile WeightedZone served;

  private Route53Service(MiniStack stack, String zone) {
    this.stack = stack;
    this.zone = zone;
    this.backend = new Route53Backend(stack.endpoint());
    this.zoneId = createZone(zone, "");
    this.served = serving(backend.sets(zoneId));
    this.changes = new Route53Changes(sets -> served = serving(sets));
    this.calls = new Route53Calls(backend, zoneId, changes, health);
    this.front = new Route53Front(calls);
    this.listener = new DnsListener(query -> served.answer(query));
  }

  /**
   * Starts it with a zone such as {@code example.test}, which holds nothing but SOA and NS.
   *
   * @throws IllegalStateException if ministack is not installed or does not come up
   */
  public static Route53Service zone(String zone) {
    MiniStack stack = MiniStack.with("route53");
    try {
      return new Route53Service(stack, zone);
    } catch (RuntimeException e) {
      stack.close();
      throw e;
    }
  }

  private WeightedZone serving(List<Route53Set> sets) {
    return new WeightedZone(zone + ".", sets, elsewhere, health::isGood);
  }

  /** Where a client finds the API. */
  public URI endpoint() {
    return front.endpoint();
  }

  /** Faults and journal of the API. */
  public Route53Front front() {
    return front;
  }

  /** The zone's id, without {@code /hostedzone/}. */
  public String zoneId() {
    return zoneId;
  }

  /** The zone's name, without the last dot. */
  public String zone() {
    return zone;
  }

  /** The port at which the zone's name server answers, over UDP and TCP, on 127.0.0.1. */
  public int dnsPort() {
    return listener.port();
  }

  /** What the name server says about a name now; of weighted sets one is chosen by chance. */
  public List<Record> records(String name, String type) {
    return DnsQuestion.ask(dnsPort(), name, type);
  }

  /**
   * Every record set of the zone as the API lists it, one element of XML each: equal where nothing
   * was changed, not even the order of values.
   */
  public List<String> raw() {
    return backend.sets(zoneId).stream().map(Route53Set::xml).toList();
  }

  /** As {@link #raw()}, for one name. */
  public List<String> raw(String name) {
    String canonical = Route53Set.canonical(name);
    return backend.sets(zoneId).stream()
        .filter(set -> set.name().equals(canonical))
        .map(Route53Set::xml)
        .toList();
  }

  /**
   * Somebody else changes the zone, past faults and journal, but not past the rules.
   *
   * @param changes elements such as {@code <Change><Action>UPSERT</Action><ResourceRecordSet>…}
   * @throws IllegalStateException if they are refused, with the answer
   */
  public void somebodyElseChanges(String... changes) {
    String body =
        Route53Xml.document(
            "ChangeResourceRecordSetsRequest",
            "<ChangeBatch><Changes>" + String.join("", changes) + "</Changes></ChangeBatch>");
    HttpExchanges.Answer answer =
        calls.perform(
            "ChangeResourceRecordSets",
            "POST",
            URI.create(Route53Backend.ROOT + "hostedzone/" + zoneId + "/rrset/"),
            body);
    if (!answer.ok()) {
      throw new IllegalStateException(answer.body());
    }
  }

  /** Somebody else creates, or replaces, a simple record set. */
  public void somebodyElseWrites(String name, String type, int ttl, String... values) {
    somebodyElseChanges(change("UPSERT", simple(name, type, ttl, values)));
  }

  /** A change of a set: {@code CREATE}, {@code DELETE} or {@code UPSERT}. */
  public static String change(String action, String set) {
    return "<Change><Action>%s</Action>%s</Change>".formatted(action, set);
  }

  /** A simple record set as XML. */
  public static String simple(String name, String type, int ttl, String... values) {
    return set(name, type, "", ttl, values);
  }

  /** A weighted record set as XML. */
  public static String weighted(
      String name, String type, String identifier, int weight, int ttl, String... values) {
    return set(
        name,
        type,
        "<SetIdentifier>%s</SetIdentifier><Weight>%d</Weight>"
            .formatted(Route53Xml.escape(identifier), weight),
        ttl,
        values);
  }

  /** An alias record set as XML. */
  public static String alias(
      String name, String type, String targetZoneId, String target, boolean evaluateHealth) {
    return "<ResourceRecordSet><Name>%s</Name><Type>%s</Type><AliasTarget><HostedZoneId>%s</HostedZoneId><DNSName>%s</DNSName><EvaluateTargetHealth>%s</EvaluateTargetHealth></AliasTarget></ResourceRecordSet>"
        .formatted(name, type, targetZoneId, target, evaluateHealth);
  }

  private static String set(String name, String type, String routing, int ttl, String... values) {
    StringBuilder records = new StringBuilder();
    for (String value : values) {
      records
          .append("<ResourceRecord><Value>")
          .append(Route53Xml.escape(value))
          .append("</Value></ResourceRecord>");
    }
    return "<ResourceRecordSet><Name>%s</Name><Type>%s</Type>%s<TTL>%d</TTL><ResourceRecords>%s</ResourceRecords></ResourceRecordSet>"
        .formatted(name, type, routing, ttl, records);
  }

  /** Gives addresses to a name outside of the zone that alias records stand for. */
  public void elsewhere(String name, String... addresses) {
    elsewhere.put(Route53Set.canonical(name), List.of(addresses));
  }

  /** How long changes that are made from now on stay PENDING; not at all unless told. */
  public void propagationTakes(Duration time) {
    changes.delay(time);
  }

  /** Everything that was changed so far is in sync, and served, now. */
  public void propagate() {
    changes.publishAll();
  }

  /** The most record sets that one page of a list holds; 300 unless told. */
  public void pageSize(int sets) {
    calls.pageSize(sets);
  }

  /** One more zone of the same name that is private to a network, and not served; its id. */
  public String createPrivateZone() {
    return createZone(
        zone, "<VPC><VPCRegion>eu-west-1</VPCRegion><VPCId>vpc-0a1b2c3d</VPCId></VPC>");
  }

  private String createZone(String name, String more) {
    Element created =
        backend.must(
            "POST",
            Route53Backend.ROOT + "hostedzone",
            Route53Xml.document(
                "CreateHostedZoneRequest",
                "<Name>%s.</Name>%s<CallerReference>%s</CallerReference>"
                    .formatted(name, more, UUID.randomUUID())));
    return lastPart(Route53Xml.at(created, "HostedZone", "Id").getTextContent());
  }

  /** A health check that is good until {@link #health} says otherwise; its id. */
  public String createHealthCheck() {
    return createHealthCheck(
        "<IPAddress>192.0.2.80</IPAddress><Port>443</Port><Type>HTTPS</Type><ResourcePath>/healthz</ResourcePath>");
  }

  /** A health check that follows another one; as at Route 53, nobody is told what it says. */
  public String createCalculatedHealthCheck(String child) {
    String id =
        createHealthCheck(
            "<Type>CALCULATED</Type><HealthThreshold>1</HealthThreshold><ChildHealthChecks><ChildHealthCheck>%s</ChildHealthCheck></ChildHealthChecks>"
                .formatted(child));
    health.untold(id);
    return id;
  }

  private String createHealthCheck(String config) {
    Element created =
        backend.must(
            "POST",
            Route53Backend.ROOT + "healthcheck",
            Route53Xml.document(
                "CreateHealthCheckRequest",
                "<CallerReference>%s</CallerReference><HealthCheckConfig>%s</HealthCheckConfig>"
                    .formatted(UUID.randomUUID(), config)));
    return lastPart(Route53Xml.at(created, "HealthCheck", "Id").getTextContent());
  }

  /** Somebody inverts a health check, or disables it, or puts both back. */
  public void configureHealthCheck(String id, boolean inverted, boolean disabled) {
    backend.must(
        "POST",
        Route53Backend.ROOT + "healthcheck/" + id,
        Route53Xml.document(
            "UpdateHealthCheckRequest",
            "<Inverted>%s</Inverted><Disabled>%s</Disabled>".formatted(inverted, disabled)));
    health.set(id, inverted, disabled);
  }

  /** No checker says anything about a health check, as when it was just made. */
  public void nobodyLooksAt(String id) {
    health.unobserved(id);
  }

  /** From now on a health check is good, or not. */
  public void health(String id, boolean good) {
    health.set(id, good);
  }

  private static String lastPart(String id) {
    return id.substring(id.lastIndexOf('/') + 1);
  }

  /** Ends everything. */
  @Override
  public void close() {
    listener.close();
    front.close();
    changes.close();
    stack.close();
  }
}
