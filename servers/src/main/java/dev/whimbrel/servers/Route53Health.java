package dev.whimbrel.servers;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;

/** What Route 53's checkers say about each health check: good, until a test says otherwise. */
final class Route53Health {
  private static final List<String> REGIONS = List.of("eu-west-1", "us-east-1", "ap-southeast-1");

  private final Set<String> unobserved = ConcurrentHashMap.newKeySet();
  private final Map<String, Boolean> states = new ConcurrentHashMap<>();

  /** Nobody has looked yet. */
  void unobserved(String id) {
    unobserved.add(id);
  }

  void set(String id, boolean good) {
    unobserved.remove(id);
    states.put(id, good);
  }

  boolean isGood(String id) {
    return states.getOrDefault(id, true);
  }

  /** What {@code GetHealthCheckStatus} answers. */
  HttpExchanges.Answer status(String id, boolean exists) {
    if (!exists) {
      return Route53Xml.error(
          404, "NoSuchHealthCheck", "A health check with id %s does not exist.".formatted(id));
    }
    String said =
        isGood(id)
            ? "Success: HTTP Status Code 200, OK"
            : "Failure: Connection timed out. The endpoint or the internet connection is down, or requests are being blocked by your firewall.";
    String observations =
        REGIONS.stream()
            .filter(region -> !unobserved.contains(id))
            .map(
                region ->
                    "<HealthCheckObservation><Region>%s</Region><IPAddress>192.0.2.5</IPAddress><StatusReport><Status>%s</Status><CheckedTime>%s</CheckedTime></StatusReport></HealthCheckObservation>"
                        .formatted(region, said, Instant.now().truncatedTo(ChronoUnit.MILLIS)))
            .collect(Collectors.joining());
    return new HttpExchanges.Answer(
        200,
        "text/xml",
        Route53Xml.document(
            "GetHealthCheckStatusResponse",
            "<HealthCheckObservations>" + observations + "</HealthCheckObservations>"));
  }
}
