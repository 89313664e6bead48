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
 * BIND as an authority for one zone: a primary, which takes dynamic updates that are signed with
 * its key. Changes survive {@link #kill9}, as a journal keeps them.
 */
public final class BindServer implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofSeconds(15);
  private static final String KEY = "whimbrel";

  private final Path directory;
  private final int port;
  private final String zone;
  private final String secret;
  private ChildProcess process;

  private BindServer(String zone, String secret, Path directory, String zoneOptions) {
    this.secret = secret;
    this.directory = directory;
    this.port = Ports.free();
    this.zone = zone;
    try {
      Files.writeString(directory.resolve("named.conf"), configuration(zoneOptions));
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

  /**
   * Starts a secondary of {@code primary}, which nobody notifies: it asks for the zone whenever it
   * starts, and then not for three quarters of an hour.
   *
   * @throws IllegalStateException if named is not installed or does not come up
   */
  public static BindServer lagging(BindServer primary) {
    Program.NAMED.path();
    return new BindServer(
            primary.zone,
            primary.secret,
            Directories.temporary("bind"),
            "type secondary; primaries { 127.0.0.1 port %d key \"%s\"; };"
                .formatted(primary.port, KEY))
        .answering();
  }

  /** The zone's content; {@link #start} makes the server. */
  public static final class Builder {
    private final String zone;
    private final List<String> records = new ArrayList<>();
    private String grant = "zonesub ANY";

    private Builder(String zone) {
      this.zone = zone;
    }

    /** A line of the zone file, such as {@code shop 3600 IN A 192.0.2.10}. */
    public Builder record(String line) {
      records.add(line);
      return this;
    }

    /** What its key may change instead of everything, as in {@code name other.example.test. A}. */
    public Builder granting(String rule) {
      grant = rule;
      return this;
    }

    /**
     * Starts the server and waits until it answers.
     *
     * @throws IllegalStateException if named is not installed or does not come up
     */
    public BindServer start() {
      Program.NAMED.path();
      Path directory = Directories.temporary("bind");
      Path file = directory.resolve("zone.db");
      try {
        Files.writeString(file, zoneFile());
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      String options =
          "type primary; file \"%s\"; update-policy { grant \"%s\" %s; };"
              .formatted(file, KEY, grant);
      return new BindServer(zone, newSecret(), directory, options).answering();
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

  private static String newSecret() {
    byte[] random = new byte[32];
    new SecureRandom().nextBytes(random);
    return Base64.getEncoder().encodeToString(random);
  }

  private BindServer answering() {
    try {
      awaitAnswer();
      return this;
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  private String configuration(String zoneOptions) {
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
    zone "%5$s" { %6$s };
    """
        .formatted(directory, port, KEY, secret, zone, zoneOptions);
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

  /**
   * Starts it again on the same port: a primary with the zone as updates have left it, a secondary
   * with the zone as the primary has it now.
   */
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
