package dev.whimbrel.servers;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.util.concurrent.ThreadLocalRandom;

/** Free TCP ports on 127.0.0.1. */
public final class Ports {
  /**
   * Below the range from which the kernel takes ports for outgoing connections: a server that is
   * down must find its port free when it comes back.
   */
  private static final int FIRST = 12_000;

  private static final int LAST = 32_000;

  private Ports() {}

  /** A port on which nothing listens at this moment. */
  public static int free() {
    for (int attempt = 0; attempt < 200; attempt++) {
      int port = ThreadLocalRandom.current().nextInt(FIRST, LAST);
      try (ServerSocket probe = new ServerSocket()) {
        probe.setReuseAddress(true);
        probe.bind(
            new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, 1}), port));
        return port;
      } catch (IOException taken) {
        // The next number may be free.
      }
    }
    throw new IllegalStateException("Cannot find a free port between " + FIRST + " and " + LAST);
  }
}
