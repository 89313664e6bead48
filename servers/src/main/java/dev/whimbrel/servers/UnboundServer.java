package dev.whimbrel.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.xbill.DNS.Record;

/** Unbound as a caching resolver that knows one zone: an answer is kept as long as its TTL says. */
public final class UnboundServer implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofSeconds(15);

  private final Path directory;
  private final int port;
  private final ChildProcess process;

  private UnboundServer(String zone, int authority, Path directory) {
    this.directory = directory;
    this.port = Ports.free();
    Path configuration = directory.resolve("unbound.conf");
    try {
      Files.writeString(configuration, configuration(zone, authority));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Unprivileged.own(directory);
    this.process =
        ChildProcess.start(
            "Unbound on port " + port,
            Unprivileged.command(
                List.of(Program.UNBOUND.path().toString(), "-d", "-c", configuration.toString())),
            Map.of(),
            directory,
            directory.resolve("unbound.log"));
  }

  /**
   * Starts a resolver that asks {@code authority} about its zone, and waits until it answers.
   *
   * @throws IllegalStateException if unbound is not installed or does not come up
   */
  public static UnboundServer inFrontOf(BindServer authority) {
    return inFrontOf(authority.zone(), authority.port());
  }

  /**
   * Starts a resolver that asks the server on a port of 127.0.0.1 about a zone, and waits until it
   * answers.
   *
   * @throws IllegalStateException if unbound is not installed or does not come up
   */
  public static UnboundServer inFrontOf(String zone, int authority) {
    Program.UNBOUND.path();
    UnboundServer server = new UnboundServer(zone, authority, Directories.temporary("unbound"));
    try {
      Await.until("Unbound", LIMIT, server.process, () -> DnsQuestion.answers(server.port, zone));
      return server;
    } catch (RuntimeException e) {
      server.close();
      throw e;
    }
  }

  private String configuration(String zone, int authority) {
    // Unbound answers for top-level domains such as "test" itself unless told not to.
    String topLevel = zone.substring(zone.lastIndexOf('.') + 1);
    return """
    server:
      interface: 127.0.0.1
      port: %1$d
      directory: "%2$s"
      username: ""
      chroot: ""
      pidfile: ""
      use-syslog: no
      do-ip6: no
      do-daemonize: no
      do-not-query-localhost: no
      module-config: "iterator"
      local-zone: "%3$s." nodefault
      local-zone: "%5$s." nodefault
      domain-insecure: "%3$s"
    remote-control:
      control-enable: no
    stub-zone:
      name: "%3$s"
      stub-addr: 127.0.0.1@%4$d
    """
        .formatted(port, directory, zone, authority, topLevel);
  }

  public int port() {
    return port;
  }

  /** What the resolver says about a name now. */
  public List<Record> records(String name, String type) {
    return DnsQuestion.ask(port, name, type);
  }

  /** Ends it and removes its files. */
  @Override
  public void close() {
    process.end("TERM", LIMIT);
    Directories.delete(directory);
  }
}
