package dev.whimbrel.servers;

import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** ministack: some of AWS's services on 127.0.0.1, kept in memory. */
final class MiniStack implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofSeconds(30);

  private final Path directory = Directories.temporary("ministack");
  private final int port = Ports.free();
  private final ChildProcess process;

  private MiniStack(String services) {
    // Not as another user: the installation lies in this one's home.
    this.process =
        ChildProcess.start(
            "ministack on port " + port,
            List.of(Program.MINISTACK.path().toString()),
            Map.of(
                "BIND_HOST",
                "127.0.0.1", // every address otherwise
                "GATEWAY_PORT",
                Integer.toString(port),
                "SERVICES",
                services,
                "LOG_LEVEL",
                "WARNING",
                "TMPDIR",
                directory.toString()),
            directory,
            directory.resolve("ministack.log"));
  }

  /**
   * Starts it and waits until it answers.
   *
   * @param services what it shall offer, such as {@code route53}
   * @throws IllegalStateException if it is not installed or does not come up
   */
  static MiniStack with(String services) {
    MiniStack server = new MiniStack(services);
    try {
      Await.until("ministack", LIMIT, server.process, server::answers);
      return server;
    } catch (RuntimeException e) {
      server.close();
      throw e;
    }
  }

  private boolean answers() {
    return HttpExchanges.isUp(endpoint().resolve("/_ministack/health"));
  }

  URI endpoint() {
    return URI.create("http://127.0.0.1:" + port);
  }

  @Override
  public void close() {
    process.end("TERM", Duration.ofSeconds(5));
    Directories.delete(directory);
  }
}
