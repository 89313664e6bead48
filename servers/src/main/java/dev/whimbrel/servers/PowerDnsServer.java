package dev.whimbrel.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.http.HttpRequest;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.xbill.DNS.Record;

/**
 * PowerDNS as an authority for one zone, which answers by weight: each question gets one address,
 * drawn anew. Its zone is changed through its API.
 */
public final class PowerDnsServer implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofSeconds(15);
  // Whoever reaches 127.0.0.1 may change the zone of a test anyway.
  private static final String API_KEY = "lab";

  private final Path directory;
  private final int port;
  private final int apiPort;
  private final String zone;
  private final ChildProcess process;

  private PowerDnsServer(String zone, Path directory) {
    this.directory = directory;
    this.port = Ports.free();
    this.apiPort = Ports.free();
    this.zone = zone;
    try {
      Files.writeString(directory.resolve("pdns.conf"), configuration());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Unprivileged.own(directory);
    this.process =
        ChildProcess.start(
            "PowerDNS on port " + port,
            Unprivileged.command(
                List.of(Program.POWERDNS.path().toString(), "--config-dir=" + directory)),
            Map.of(),
            directory,
            directory.resolve("pdns.log"));
  }

  /**
   * Starts the authority for a zone such as {@code example.test}, which has nothing yet but its own
   * records, and waits until it answers.
   *
   * @throws IllegalStateException if pdns_server is not installed or does not come up
   */
  public static PowerDnsServer zone(String zone) {
    Program.POWERDNS.path();
    PowerDnsServer server = new PowerDnsServer(zone, Directories.temporary("powerdns"));
    try {
      Await.until(
          "PowerDNS", LIMIT, server.process, () -> HttpQuestion.answers(server.api("").build()));
      server.createZone();
      Await.until("PowerDNS", LIMIT, server.process, () -> DnsQuestion.answers(server.port, zone));
      return server;
    } catch (RuntimeException e) {
      server.close();
      throw e;
    }
  }

  private String configuration() {
    return """
    launch=lmdb
    lmdb-filename=%1$s/zone.lmdb
    lmdb-shards=1
    local-address=127.0.0.1
    local-port=%2$d
    socket-dir=%1$s
    write-pid=no
    webserver-address=127.0.0.1
    webserver-port=%3$d
    webserver-allow-from=127.0.0.1
    api=yes
    api-key=%4$s
    enable-lua-records=yes
    cache-ttl=0
    query-cache-ttl=0
    negquery-cache-ttl=0
    zone-cache-refresh-interval=0
    security-poll-suffix=
    """
        .formatted(directory, port, apiPort, API_KEY);
  }

  private HttpRequest.Builder api(String below) {
    return HttpQuestion.to(
            "http://127.0.0.1:" + apiPort + "/api/v1/servers/localhost/zones" + below)
        .header("X-API-Key", API_KEY)
        .header("Content-Type", "application/json");
  }

  private void createZone() {
    String body =
        """
        {"name": "%1$s.", "kind": "Native", "nameservers": [], "rrsets": [
          {"name": "%1$s.", "type": "SOA", "ttl": 60, "records": [
            {"content": "ns1.%1$s. hostmaster.%1$s. 1 3600 600 86400 1"}]},
          {"name": "%1$s.", "type": "NS", "ttl": 60, "records": [{"content": "ns1.%1$s."}]},
          {"name": "ns1.%1$s.", "type": "A", "ttl": 60, "records": [{"content": "127.0.0.1"}]}]}
        """
            .formatted(zone);
    HttpQuestion.ask(api("").POST(HttpRequest.BodyPublishers.ofString(body)).build());
  }

  /**
   * Lets a name answer each question with one of these addresses, drawn by weight.
   *
   * @param name such as {@code shop.example.test}
   * @param type {@code A} or {@code AAAA}
   * @param weights an address each, and how often it is drawn
   */
  public void answerByWeight(String name, String type, int ttl, Map<String, Integer> weights) {
    String drawn =
        weights.entrySet().stream()
            .map(each -> "{" + each.getValue() + ",'" + each.getKey() + "'}")
            .collect(Collectors.joining(","));
    String body =
        """
        {"rrsets": [{"name": "%s.", "type": "LUA", "changetype": "REPLACE", "ttl": %d, "records": [
          {"content": "%s \\"pickwrandom({%s})\\""}]}]}
        """
            .formatted(name, ttl, type, drawn);
    HttpQuestion.ask(
        api("/" + zone + ".").method("PATCH", HttpRequest.BodyPublishers.ofString(body)).build());
  }

  public int port() {
    return port;
  }

  /** What the server says about a name now. */
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
