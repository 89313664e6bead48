package dev.whimbrel.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.xbill.DNS.Record;

/**
 * BIND as the authority for one zone, which takes dynamic updates that are signed with its key.
 * Changes survive {@link #kill9}, as a journal keeps them.
 */
public final class BindServer implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofSeconds(15);
  private static final String KEY = "whimbrel";

  private final Path directory;
  private final int port;
  private final String zone;
  private final String secret;
  private ChildProcess process;

  private BindServer(Builder options, Path directory) {
    byte[] random = new byte[32];
    new SecureRandom().nextBytes(random);
    this.secret = Base64.getEncoder().encodeToString(random);
    this.directory = directory;
    this.port = Ports.free();
    this.zone = options.zone;
    try {
      Files.writeString(directory.resolve("named.conf"), configuration());
      Files.writeString(directory.resolve("zone.db"), options.zoneFile());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Unprivileged.own(directory);
    this.process = launch();
  }

  /** The authority for a zone such as {@code example.test}. */
  public static Builder zone(String zone) {
    return new Builder(zone);
  }

  /** The zone's content; {@link #start} makes the server. */
  public static final class Builder {
    private final String zone;
    private final List<String> records = new ArrayList<>();

    private Builder(String zone) {
      this.zone = zone;
    }

    /** A line of the zone file, such as {@code shop 3600 IN A 192.0.2.10}. */
    public Builder record(String line) {
      records.add(line);
      return this;
    }

    /**
     * Starts the server and waits until it answers.
     *
     * @throws IllegalStateException if named is not installed or does not come up
     */
    public BindServer start() {
      Program.NAMED.path();
      BindServer server = new BindServer(this, Directories.temporary("bind"));
      try {
        server.awaitAnswer();
        return server;
      } catch (RuntimeException e) {
        server.close();
        throw e;
      }
    }

    private String zoneFile() {
      return """
      $ORIGIN %s.
      $TTL 3600
      @ IN SOA ns1 hostmaster 1 3600 600 86400 1
      @ IN NS ns1
      ns1 IN A 127.0.0.1
      %s
      """
          .formatted(zone, String.join("\n", records));
    }
  }

  private String configuration() {
    return """
    options {
      directory "%1$s";
      listen-on port %2$d { 127.0.0.1; };
      listen-on-v6 { none; };
      pid-file none;
      session-keyfile none;
      recursion no;
      dnssec-validation no;
      allow-query { any; };
      allow-transfer { key "%3$s"; };
      notify no;
    };
    controls { };
    key "%3$s" { algorithm hmac-sha256; secret "%4$s"; };
    zone "%5$s" {
      type primary;
      file "%1$s/zone.db";
      update-policy { grant "%3$s" zonesub ANY; };
    };
    """
        .formatted(directory, port, KEY, secret, zone);
  }

  private ChildProcess launch() {
    return ChildProcess.start(
        "BIND on port " + port,
        Unprivileged.command(
            List.of(
                Program.NAMED.path().toString(),
                "-g",
                "-4",
                "-n",
                "1",
                "-c",
                directory.resolve("named.conf").toString())),
        Map.of(),
        directory,
        logFile());
  }

  private void awaitAnswer() {
    Await.until("BIND", LIMIT, process, () -> DnsQuestion.answers(port, zone));
  }

  public int port() {
    return port;
  }

  public String zone() {
    return zone;
  }

  /** The name of the key that updates must be signed with; its algorithm is hmac-sha256. */
  public String keyName() {
    return KEY;
  }

  /** The key, in Base64. */
  public String keySecret() {
    return secret;
  }

  /** What the server says about a name now, such as {@code records("shop.example.test", "A")}. */
  public List<Record> records(String name, String type) {
    return DnsQuestion.ask(port, name, type);
  }

  public Path logFile() {
    return directory.resolve("named.log");
  }

  /** Freezes it with SIGSTOP. */
  public void pause() {
    process.pause();
  }

  /** Lets it go on. */
  public void resume() {
    process.resume();
  }

  /** Kills it with SIGKILL. */
  public void kill9() {
    process.kill9();
  }

  /** Starts it again on the same port, with the zone as updates have left it. */
  public void start() {
    if (process.isAlive()) {
      throw new IllegalStateException("BIND on port " + port + " is running already");
    }
    process = launch();
    awaitAnswer();
  }

  /** Ends it and removes its files. */
  @Override
  public void close() {
    process.end("TERM", LIMIT);
    Directories.delete(directory);
  }
}
