package dev.whimbrel.lab;

import dev.whimbrel.servers.HaproxyServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;

/**
 * A HAProxy in front of both stacks, and of somebody else's; at first everything goes to the
 * source's.
 */
final class LabBalancer implements AutoCloseable {
  private static final String BACKEND = "shop";
  private static final String SOURCE = "blue";
  private static final String TARGET = "green";

  /** Somebody else's, whose servers carry the same names and a weight that was set by hand. */
  private static final String OTHER = "billing";

  private static final String OTHERS =
      """

      backend %1$s
        balance roundrobin
        server %2$s 192.0.2.31:80 weight 70  # ours
        server %3$s 192.0.2.32:80 weight 30
      """
          .formatted(OTHER, SOURCE, TARGET);

  private final HaproxyServer haproxy;

  LabBalancer(int servicePort) {
    haproxy =
        HaproxyServer.backend(BACKEND)
            .server(SOURCE, LabWorld.SOURCE_ADDRESS + ":" + servicePort, 100)
            .server(TARGET, LabWorld.TARGET_ADDRESS + ":" + servicePort, 0)
            .section(OTHERS)
            .start();
    haproxy.command("set weight %s/%s 11".formatted(OTHER, TARGET));
  }

  /** The part of a runbook that says who sets the weights. */
  String entry() {
    return """
    traffic:
      haproxy: {admin: "127.0.0.1:%d", backend: %s, source: %s, target: %s, file: "%s"}
    """
        .formatted(haproxy.adminPort(), BACKEND, SOURCE, TARGET, haproxy.file());
  }

  /** Where clients connect, on 127.0.0.1. */
  int port() {
    return haproxy.port();
  }

  /** The weights in force and the file, to the last byte. */
  String exact() {
    return weights(BACKEND) + file();
  }

  /** Somebody else's weights in force, and all of the file but the lines of the shop's servers. */
  String bystanders() {
    String shop =
        "server (%s|%s) (%s|%s):.*"
            .formatted(SOURCE, TARGET, LabWorld.SOURCE_ADDRESS, LabWorld.TARGET_ADDRESS);
    return weights(OTHER) + file().replaceAll(shop, "");
  }

  private String weights(String backend) {
    return haproxy.command("get weight %s/%s".formatted(backend, SOURCE))
        + haproxy.command("get weight %s/%s".formatted(backend, TARGET));
  }

  private String file() {
    try {
      return Files.readString(haproxy.file());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    haproxy.close();
  }
}
