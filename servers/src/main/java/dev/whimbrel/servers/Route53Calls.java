package dev.whimbrel.servers;

import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.w3c.dom.Element;

/**
 * Route 53's calls as the real service would take them: refuses what it refuses, keeps names as it
 * keeps them, lets a change wait until it is served, and answers what the backend lacks.
 */
final class Route53Calls {
  private static final Map<String, Pattern> OPERATIONS =
      Map.of(
          "ChangeResourceRecordSets", Pattern.compile("POST .*/hostedzone/[^/]+/rrset/?"),
          "ListResourceRecordSets", Pattern.compile("GET .*/hostedzone/[^/]+/rrset/?"),
          "GetHostedZone", Pattern.compile("GET .*/hostedzone/[^/]+/?"),
          "CreateHostedZone", Pattern.compile("POST .*/hostedzone/?"),
          "ListHostedZonesByName", Pattern.compile("GET .*/hostedzonesbyname/?"),
          "GetChange", Pattern.compile("GET .*/change/[^/]+/?"),
          "CreateHealthCheck", Pattern.compile("POST .*/healthcheck/?"),
          "GetHealthCheck", Pattern.compile("GET .*/healthcheck/[^/]+/?"),
          "GetHealthCheckStatus", Pattern.compile("GET .*/healthcheck/[^/]+/status/?"));

  private static final Pattern ID =
      Pattern.compile(".*/(?:hostedzone|change|healthcheck)/([^/]+).*");
  private static final Pattern SET_NAME = Pattern.compile("<Name>([^<]*)</Name>");
  private static final int LARGEST_PAGE = 300;

  private final Route53Backend backend;
  private final String servedZoneId;
  private final Route53Changes changes;
  private final Route53Health health;
  private final Map<String, String> zoneNames = new ConcurrentHashMap<>();
  private volatile int pageSize = LARGEST_PAGE;

  /**
   * @param servedZoneId the zone whose changes are served
   */
  Route53Calls(
      Route53Backend backend, String servedZoneId, Route53Changes changes, Route53Health health) {
    this.backend = backend;
    this.servedZoneId = servedZoneId;
    this.changes = changes;
    this.health = health;
  }

  /** The operation that a request asks for, as Route 53's API names it. */
  static String operation(String method, URI uri) {
    String request = method + " " + uri.getPath();
    return OPERATIONS.entrySet().stream()
        .filter(each -> each.getValue().matcher(request).matches())
        .map(Map.Entry::getKey)
        .findFirst()
        .orElse(request);
  }

  /** The most record sets that one page of a list holds. */
  void pageSize(int sets) {
    pageSize = sets;
  }

  HttpExchanges.Answer perform(String operation, String method, URI uri, String body) {
    String id = id(uri);
    return switch (operation) {
      case "ChangeResourceRecordSets" -> change(id, uri, body);
      case "ListResourceRecordSets" -> list(uri);
      case "GetChange" -> getChange(id, uri);
      case "GetHealthCheck" -> plain(backend.send(method, uri.toString(), body));
      case "GetHealthCheckStatus" -> health.status(id, backend.hasHealthCheck(id));
      default -> backend.send(method, uri.toString(), body);
    };
  }

  /** The backend writes Python's {@code True}. */
  private static HttpExchanges.Answer plain(HttpExchanges.Answer answer) {
    return new HttpExchanges.Answer(
        answer.status(),
        answer.type(),
        answer.body().replace(">True<", ">true<").replace(">False<", ">false<"));
  }

  private static String id(URI uri) {
    Matcher matcher = ID.matcher(uri.getPath());
    return matcher.matches() ? matcher.group(1) : "";
  }

  /** One at a time, so that what is remembered as "right after it" is. */
  private synchronized HttpExchanges.Answer change(String zoneId, URI uri, String body) {
    String zone = zoneNames.computeIfAbsent(zoneId, id -> nameOrNothing(id));
    if (zone.isEmpty()) {
      zoneNames.remove(zoneId);
      return Route53Xml.error(404, "NoSuchHostedZone", "No hosted zone found with ID: " + zoneId);
    }
    List<Route53Rules.Change> batch;
    try {
      batch = batch(body);
    } catch (IllegalArgumentException e) {
      return Route53Xml.error(400, "MalformedInput", "ChangeBatch is not valid");
    }
    Optional<HttpExchanges.Answer> refusal =
        new Route53Rules(zone, backend::hasHealthCheck).refuse(backend.sets(zoneId), batch);
    if (refusal.isPresent()) {
      return refusal.get();
    }
    HttpExchanges.Answer answer = backend.send("POST", uri.toString(), canonicalNames(body));
    if (!answer.ok()) {
      return answer;
    }
    String change =
        Route53Xml.at(Route53Xml.read(answer.body()), "ChangeInfo", "Id").getTextContent();
    if (zoneId.equals(servedZoneId)) {
      changes.made(change.substring(change.lastIndexOf('/') + 1), backend.sets(zoneId));
    }
    return answer;
  }

  private String nameOrNothing(String zoneId) {
    String name = backend.zoneName(zoneId);
    return name == null ? "" : name;
  }

  private static List<Route53Rules.Change> batch(String body) {
    Element root = Route53Xml.read(body);
    List<Route53Rules.Change> batch = new ArrayList<>();
    for (Element change :
        Route53Xml.children(Route53Xml.at(root, "ChangeBatch", "Changes"), "Change")) {
      batch.add(
          new Route53Rules.Change(
              Route53Xml.text(change, "Action", ""),
              Route53Set.of(Route53Xml.at(change, "ResourceRecordSet"))));
    }
    return batch;
  }

  private static String canonicalNames(String body) {
    return SET_NAME
        .matcher(body)
        .replaceAll(
            name ->
                Matcher.quoteReplacement(
                    "<Name>" + Route53Set.canonical(name.group(1)) + "</Name>"));
  }

  private HttpExchanges.Answer list(URI uri) {
    Map<String, String> query = query(uri);
    query.computeIfPresent("name", (key, name) -> Route53Set.canonical(name));
    query.merge(
        "maxitems",
        Integer.toString(pageSize),
        (asked, most) ->
            Integer.toString(Math.min(Integer.parseInt(asked), Integer.parseInt(most))));
    String parameters =
        query.entrySet().stream()
            .map(each -> each.getKey() + "=" + Route53Backend.encoded(each.getValue()))
            .collect(Collectors.joining("&"));
    return backend.send("GET", uri.getPath() + "?" + parameters, "");
  }

  private static Map<String, String> query(URI uri) {
    String raw = uri.getRawQuery();
    return Stream.of(raw == null ? new String[0] : raw.split("&"))
        .map(each -> each.split("=", 2))
        .collect(
            Collectors.toMap(
                each -> each[0],
                each ->
                    each.length == 1 ? "" : URLDecoder.decode(each[1], StandardCharsets.UTF_8)));
  }

  private HttpExchanges.Answer getChange(String id, URI uri) {
    HttpExchanges.Answer answer = backend.send("GET", uri.toString(), "");
    String status = changes.inSync(id) ? "INSYNC" : "PENDING";
    return new HttpExchanges.Answer(
        answer.status(),
        answer.type(),
        answer.body().replaceAll("<Status>[A-Z]+</Status>", "<Status>" + status + "</Status>"));
  }
}
