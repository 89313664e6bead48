package dev.whimbrel.checks;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Side;
import java.io.IOException;
import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Both stacks, asked by the service's public name at the addresses of each side. */
final class Stacks {
  private static final Duration LIMIT = Duration.ofSeconds(10);

  private final HttpProbe http;
  private final Map<Side, List<InetAddress>> addresses;

  Stacks(HttpProbe http, List<String> source, List<String> target) {
    this.http = http;
    this.addresses =
        Map.of(
            Side.SOURCE, addresses(Side.SOURCE, source),
            Side.TARGET, addresses(Side.TARGET, target));
  }

  /** A side's addresses; at least one. */
  List<InetAddress> of(Side side) {
    return addresses.getOrDefault(side, List.of());
  }

  /**
   * Asks once.
   *
   * @param headers lines of the request
   * @throws IOException with a message for people when there is no complete answer
   */
  HttpAnswer ask(URI url, InetAddress at, List<String> headers) throws IOException {
    return http.fetch(url, at, headers, LIMIT);
  }

  private static List<InetAddress> addresses(Side side, List<String> texts) {
    List<InetAddress> found = new ArrayList<>();
    for (String text : texts) {
      try {
        found.add(InetAddress.getByName(text));
      } catch (UnknownHostException e) {
        // Said below: nothing can be asked there.
      }
    }
    if (found.isEmpty() || found.size() < texts.size()) {
      throw Failures.needsHelp(
          "Both sides are asked at their addresses: expected some under %s.addresses, found %s"
              .formatted(side.word(), texts),
          "write the addresses of both sides into the runbook",
          null);
    }
    return List.copyOf(found);
  }
}
