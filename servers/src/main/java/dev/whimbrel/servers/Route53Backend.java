package dev.whimbrel.servers;

import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.w3c.dom.Element;

/** The Route 53 behind the front, without the front's rules. */
final class Route53Backend {
  /** One account for everything, whoever asks the front. */
  private static final String AUTHORIZATION =
      "AWS4-HMAC-SHA256 Credential=stand-in/20260101/us-east-1/route53/aws4_request,"
          + " SignedHeaders=host, Signature=0";

  static final String ROOT = "/2013-04-01/";

  private final URI endpoint;

  Route53Backend(URI endpoint) {
    this.endpoint = endpoint;
  }

  /** Passes a request on and returns what was answered. */
  HttpExchanges.Answer send(String method, String pathAndQuery, String body) {
    return HttpExchanges.send(method, endpoint.resolve(pathAndQuery), AUTHORIZATION, body);
  }

  /**
   * Passes a request on that must succeed.
   *
   * @return the document
   */
  Element must(String method, String pathAndQuery, String body) {
    HttpExchanges.Answer answer = send(method, pathAndQuery, body);
    if (!answer.ok()) {
      throw new IllegalStateException(
          "Route 53 refused %s %s: %s".formatted(method, pathAndQuery, answer.body()));
    }
    return Route53Xml.read(answer.body());
  }

  /** All record sets of a zone, in Route 53's order. */
  List<Route53Set> sets(String zoneId) {
    List<Route53Set> all = new ArrayList<>();
    String next = "";
    while (true) {
      Element page = must("GET", ROOT + "hostedzone/" + zoneId + "/rrset" + next, "");
      for (Element set :
          Route53Xml.children(Route53Xml.at(page, "ResourceRecordSets"), "ResourceRecordSet")) {
        all.add(Route53Set.of(set));
      }
      if (!"true".equals(Route53Xml.child(page, "IsTruncated"))) {
        return all;
      }
      next =
          "?name="
              + encoded(Route53Xml.text(page, "NextRecordName", ""))
              + "&type="
              + encoded(Route53Xml.text(page, "NextRecordType", ""))
              + "&identifier="
              + encoded(Route53Xml.text(page, "NextRecordIdentifier", ""));
    }
  }

  /** A zone's name with its last dot; null where there is no such zone. */
  @Nullable String zoneName(String zoneId) {
    HttpExchanges.Answer answer = send("GET", ROOT + "hostedzone/" + zoneId, "");
    return answer.ok()
        ? Route53Xml.at(Route53Xml.read(answer.body()), "HostedZone", "Name").getTextContent()
        : null;
  }

  boolean hasHealthCheck(String id) {
    return send("GET", ROOT + "healthcheck/" + encoded(id), "").ok();
  }

  static String encoded(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }
}
