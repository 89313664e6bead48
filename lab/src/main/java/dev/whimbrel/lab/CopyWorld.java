package dev.whimbrel.lab;

import dev.whimbrel.servers.PostgresServer;
import dev.whimbrel.servers.Relay;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** Two servers on one machine, one with a database to be copied, and Whimbrel beside them. */
final class CopyWorld implements AutoCloseable {
  private static final int VERSION = 15;

  private static final Duration START = Duration.ofHours(2);

  private final PostgresServer source = server();
  private final PostgresServer target = server();
  private final Relay toSource = Relay.to(source.port());
  private final Relay toTarget = Relay.to(target.port());
  private final LabTemporal temporal = LabTemporal.best();
  private final Path directory;
  private final Product product;
  private final int jobs;

  CopyWorld(int jobs) {
    this.jobs = jobs;
    try {
      directory = Files.createTempDirectory("whimbrel-copy-");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    product = new Product(directory, temporal.target(), Map.of(), Product.AS_SHIPPED);
  }

  /** As a small server of production is set: it waits for its disk, and sorts in memory. */
  private static PostgresServer server() {
    return PostgresServer.version(VERSION)
        .set("fsync", "on")
        .set("shared_buffers", "1GB")
        .set("maintenance_work_mem", "256MB")
        .set("max_wal_size", "16GB")
        .set("checkpoint_timeout", "30min")
        .start();
  }

  PostgresServer source() {
    return source;
  }

  PostgresServer target() {
    return target;
  }

  /**
   * Writes the runbook of a move of the database, and starts it. It copies, and then soaks for an
   * hour.
   *
   * @throws IllegalStateException if it does not start, with what was said
   */
  void start(String name, boolean wire) {
    Path runbook = write(name + ".yaml", runbook(name, wire));
    Product.Ran started = product.run(START, "start", runbook.toString());
    if (started.exit() != 0) {
      throw new IllegalStateException(
          "start has ended with %d: %s%s".formatted(started.exit(), started.out(), started.err()));
    }
  }

  private String runbook(String name, boolean wire) {
    return """
    name: %s
    service: bench
    source:
      postgres: {url: "%s", storage: 100GB}
    target:
      postgres: {url: "%s", storage: 100GB}
    connect: [manual]
    replicate: {jobs: %d, soak: 1h, maxLag: 2s}
    cutover: {approval: required, monitor: 1s}
    rollback: {window: 1h}
    decommission: {approval: required}
    approvers: [ana@example.com]
    """
        .formatted(name, sourceUrl(wire), targetUrl(wire), jobs);
  }

  /** The source's database, straight or by a wire that can be broken. */
  String sourceUrl(boolean wire) {
    return url(source, wire, toSource);
  }

  /** The target's database, straight or by a wire that can be broken. */
  String targetUrl(boolean wire) {
    return url(target, wire, toTarget);
  }

  private static String url(PostgresServer server, boolean wire, Relay relay) {
    return wire ? server.url(CopyData.DATABASE, relay) : server.url(CopyData.DATABASE);
  }

  /** No connection by wire that is open now ever answers again; new ones do. */
  void abandonConnections() {
    toSource.abandon();
    toTarget.abandon();
  }

  LabTemporal temporal() {
    return temporal;
  }

  Product product() {
    return product;
  }

  /** How many tables, ranges or indexes each tool may work on at once. */
  int jobs() {
    return jobs;
  }

  /** Makes an empty database on the target; both servers have written everything down. */
  void empty() {
    target.execute(
        "postgres",
        "DROP DATABASE IF EXISTS " + CopyData.DATABASE + " WITH (FORCE)",
        "CREATE DATABASE " + CopyData.DATABASE,
        "CHECKPOINT");
    source.execute("postgres", "CHECKPOINT");
  }

  /** A directory of this name that is empty. */
  Path fresh(String name) {
    Path fresh = directory.resolve(name);
    delete(fresh);
    return fresh;
  }

  /** Writes a file. */
  Path write(String name, String text) {
    try {
      return Files.writeString(directory.resolve(name), text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Runs a program to its end.
   *
   * @throws IllegalStateException if it does not end with 0, with what it said
   */
  void run(Duration limit, String... command) {
    try {
      Path said = Files.createTempFile(directory, "program-", ".out");
      Process process =
          new ProcessBuilder(command)
              .directory(directory.toFile())
              .redirectErrorStream(true)
              .redirectOutput(said.toFile())
              .start();
      boolean ended = process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS);
      if (!ended || process.exitValue() != 0) {
        process.destroyForcibly();
        throw new IllegalStateException(
            String.join(" ", command) + " has failed: " + Files.readString(said));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("Interrupted", e);
    }
  }

  @Override
  public void close() {
    temporal.close();
    toSource.close();
    toTarget.close();
    source.close();
    target.close();
    delete(directory);
  }

  private static void delete(Path path) {
    if (!Files.exists(path)) {
      return;
    }
    try (Stream<Path> below = Files.walk(path)) {
      for (Path each : below.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(each);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
