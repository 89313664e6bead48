package dev.whimbrel.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * HAProxy with one backend in http mode, and its runtime API at level admin on a TCP port. Its
 * configuration file is there to be rewritten; ports stay over {@link #start} and {@link #reload}.
 */
public final class HaproxyServer implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofSeconds(15);

  private final Path directory;
  private final int port;
  private final int adminPort;
  private ChildProcess process;

  private HaproxyServer(Builder options, Path directory) {
    this.directory = directory;
    this.port = Ports.free();
    this.adminPort = Ports.free();
    try {
      Files.writeString(file(), options.configuration(port, adminPort));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Unprivileged.own(directory);
    this.process = launch(List.of());
  }

  /** HAProxy in front of a backend of this name. */
  public static Builder backend(String name) {
    return new Builder(name);
  }

  /** The backend's servers; {@link #start} makes HAProxy. */
  public static final class Builder {
    private final String backend;
    private final List<String> servers = new ArrayList<>();
    private final List<String> sections = new ArrayList<>();
    private String balance = "roundrobin";
    private String level = "admin";

    private Builder(String backend) {
      this.backend = backend;
    }

    /**
     * A server of the backend.
     *
     * @param address {@code host:port}
     * @param weight 0 to 256; 0 gets nothing
     */
    public Builder server(String name, String address, int weight) {
      return line("server " + name + " " + address + " weight " + weight);
    }

    /** Any other line of the backend, such as a server that is written in an unusual way. */
    public Builder line(String line) {
      servers.add("  " + line);
      return this;
    }

    /** A further section of the configuration, such as somebody else's backend, as it stands. */
    public Builder section(String text) {
      sections.add(text);
      return this;
    }

    /** Another way to balance than {@code roundrobin}. */
    public Builder balance(String algorithm) {
      balance = algorithm;
      return this;
    }

    /** What the runtime API allows, instead of {@code admin}: {@code user} or {@code operator}. */
    public Builder level(String allowed) {
      level = allowed;
      return this;
    }

    /**
     * Starts it and waits until it takes connections.
     *
     * @throws IllegalStateException if haproxy is not installed or does not come up
     */
    public HaproxyServer start() {
      Program.HAPROXY.path();
      HaproxyServer server = new HaproxyServer(this, Directories.temporary("haproxy"));
      try {
        server.awaitReady();
        return server;
      } catch (RuntimeException e) {
        server.close();
        throw e;
      }
    }

    private String configuration(int port, int adminPort) {
      List<String> lines = new ArrayList<>(servers);
      lines.addAll(sections);
      return """
      global
        maxconn 4000
        nbthread 1
        stats socket ipv4@127.0.0.1:%1$d level %2$s

      defaults
        mode http
        timeout connect 2s
        timeout client 30s
        timeout server 30s

      frontend %3$s_in
        bind 127.0.0.1:%4$d
        default_backend %3$s

      backend %3$s
        balance %5$s
      %6$s
      """
          .formatted(adminPort, level, backend, port, balance, String.join("\n", lines));
    }
  }

  private ChildProcess launch(List<String> more) {
    List<String> command =
        new ArrayList<>(List.of(Program.HAPROXY.path().toString(), "-db", "-f", file().toString()));
    command.addAll(more);
    return ChildProcess.start(
        "HAProxy on port " + port,
        Unprivileged.command(command),
        Map.of(),
        directory,
        directory.resolve("haproxy.log"));
  }

  private void awaitReady() {
    Await.until(
        "HAProxy",
        LIMIT,
        process,
        () -> takesConnections(port) && said("show info").contains("\nPid: " + process.pid()));
  }

  private static boolean takesConnections(int port) {
    try (Socket probe = new Socket()) {
      probe.connect(new InetSocketAddress(Relay.localhost(), port), 1000);
      return true;
    } catch (IOException notYet) {
      return false;
    }
  }

  private String said(String command) {
    try {
      return command(command);
    } catch (UncheckedIOException notYet) {
      return "";
    }
  }

  /** Where clients connect, on 127.0.0.1. */
  public int port() {
    return port;
  }

  /** Where the runtime API listens, on 127.0.0.1. */
  public int adminPort() {
    return adminPort;
  }

  /** The configuration that the next {@link #start} or {@link #reload} reads. */
  public Path file() {
    return directory.resolve("haproxy.cfg");
  }

  /**
   * What the runtime API answers to one command, such as {@code get weight app/blue}. Errors are
   * answers too: plain text, without a status.
   *
   * @throws UncheckedIOException if it does not answer
   */
  public String command(String command) {
    try (Socket socket = new Socket()) {
      socket.connect(new InetSocketAddress(Relay.localhost(), adminPort), 2000);
      socket.setSoTimeout(2000);
      socket.getOutputStream().write((command + "\n").getBytes(StandardCharsets.UTF_8));
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Freezes it with SIGSTOP. */
  public void pause() {
    process.pause();
  }

  /** Lets it go on. */
  public void resume() {
    process.resume();
  }

  /** Kills it with SIGKILL: open connections break, and what the runtime API had set is lost. */
  public void kill9() {
    process.kill9();
  }

  /** Starts it again on the same ports, as its file says now. */
  public void start() {
    if (process.isAlive()) {
      throw new IllegalStateException("HAProxy on port " + port + " is running already");
    }
    process = launch(List.of());
    awaitReady();
  }

  /**
   * Puts a new process with the file as it is now into the place of the old one, which first
   * finishes its connections, as {@code systemctl reload} does. No client notices; what the runtime
   * API had set is lost.
   */
  public void reload() {
    ChildProcess old = process;
    process = launch(List.of("-sf", Long.toString(old.pid())));
    try {
      awaitReady();
      old.awaitExit(LIMIT);
    } finally {
      old.kill9();
    }
  }

  /** Ends it and removes its files. */
  @Override
  public void close() {
    process.end("TERM", LIMIT);
    Directories.delete(directory);
  }
}
