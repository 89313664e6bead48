package dev.whimbrel.servers;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;

/**
 * What Route 53's checkers say about each health check, good until a test says otherwise, and what
 * the service makes of it.
 */
final class Route53Health {
  private static final List<String> REGIONS = List.of("eu-west-1", "us-east-1", "ap-southeast-1");

  private final Set<String> unobserved = ConcurrentHashMap.newKeySet();
  private final Set<String> untold = ConcurrentHashMap.newKeySet();
  private final Map<String, Boolean> states = new ConcurrentHashMap<>();
  private final Set<String> inverted = ConcurrentHashMap.newKeySet();
  private final Set<String> disabled = ConcurrentHashMap.newKeySet();

  /** Nobody has looked yet. */
  void unobserved(String id) {
    unobserved.add(id);
  }

  /** It follows other checks: what it says is counted, and never told. */
  void untold(String id) {
    untold.add(id);
  }

  void set(String id, boolean good) {
    unobserved.remove(id);
    states.put(id, good);
  }

  /** How it is set; nobody looks at one that is disabled. */
  void set(String id, boolean isInverted, boolean isDisabled) {
    mark(inverted, id, isInverted);
    mark(disabled, id, isDisabled);
  }

  private static void mark(Set<String> all, String id, boolean isOne) {
    if (isOne) {
      all.add(id);
    } else {
      all.remove(id);
    }
  }

  /** Whether records that carry it are answered with. */
  boolean isGood(String id) {
    boolean content = isUnseen(id) || states.getOrDefault(id, true);
    return content != inverted.contains(id);
  }

  private boolean isUnseen(String id) {
    return disabled.contains(id) || unobserved.contains(id);
  }

  /** What {@code GetHealthCheckStatus} answers. */
  HttpExchanges.Answer status(String id, boolean exists) {
    if (!exists) {
      return Route53Xml.error(
          404, "NoSuchHealthCheck", "A health check with id %s does not exist.".formatted(id));
    }
    String said =
        states.getOrDefault(id, true)
            ? "Success: HTTP Status Code 200, OK"
            : "Failure: Connection timed out. The endpoint or the internet connection is down, or requests are being blocked by your firewall.";
    String observations =
        REGIONS.stream()
            .filter(region -> !isUnseen(id) && !untold.contains(id))
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
