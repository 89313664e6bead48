package dev.whimbrel.lab;

import dev.whimbrel.servers.HaproxyServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;

/** A HAProxy in front of both stacks; at first everything goes to the source's. */
final class LabBalancer implements AutoCloseable {
  private static final String BACKEND = "shop";
  private static final String SOURCE = "blue";
  private static final String TARGET = "green";

  private final HaproxyServer haproxy;

  LabBalancer(int servicePort) {
    haproxy =
        HaproxyServer.backend(BACKEND)
            .server(SOURCE, LabWorld.SOURCE_ADDRESS + ":" + servicePort, 100)
            .server(TARGET, LabWorld.TARGET_ADDRESS + ":" + servicePort, 0)
            .start();
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
    try {
      return haproxy.command("get weight %s/%s".formatted(BACKEND, SOURCE))
          + haproxy.command("get weight %s/%s".formatted(BACKEND, TARGET))
          + Files.readString(haproxy.file());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    haproxy.close();
  }
}
