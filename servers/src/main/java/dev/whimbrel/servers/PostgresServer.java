package dev.whimbrel.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.jspecify.annotations.Nullable;

/**
 * A PostgreSQL server of its own cluster on 127.0.0.1, made ready for logical replication. Its
 * superuser is {@code postgres}.
 *
 * <p>{@code fsync} is off unless asked for: what a killed process had written is in the kernel's
 * hands and survives it, so that {@link #stopImmediate} and {@link #kill9} lose exactly what a real
 * server loses. Only the death of the whole machine would show the difference.
 */
public final class PostgresServer implements AutoCloseable {
  private static final Duration START_LIMIT = Duration.ofSeconds(60);
  private static final Duration STOP_LIMIT = Duration.ofSeconds(60);

  private final int version;
  private final int port;
  private final Path home;
  private final Path directory;
  private final @Nullable String password;
  private @Nullable ChildProcess process;

  private PostgresServer(Builder options, Path home, Path directory) {
    this.version = options.version;
    this.port = options.port == 0 ? Ports.free() : options.port;
    this.password = options.password;
    this.home = home;
    this.directory = directory;
  }

  /** Starts a server of version 13, 15, 16 or 18 with {@link #version the defaults}. */
  public static PostgresServer start(int version) {
    return version(version).start();
  }

  /**
   * Options of a server of version 13, 15, 16 or 18. Defaults: a free port, trust for everyone,
   * {@code wal_level=logical} with room for twenty streams, 200 connections, ten prepared
   * transactions.
   */
  public static Builder version(int version) {
    return new Builder(version);
  }

  /** Options; {@link #start} makes the server. */
  public static final class Builder {
    private final int version;
    private final Map<String, String> settings = new LinkedHashMap<>();
    private int port;
    private @Nullable String password;
    private @Nullable Path programs;

    private Builder(int version) {
      this.version = version;
      settings.put("fsync", "off");
      settings.put("wal_level", "logical");
      settings.put("max_replication_slots", "20");
      settings.put("max_wal_senders", "20");
      settings.put("max_worker_processes", "40");
      settings.put("max_logical_replication_workers", "20");
      settings.put("max_sync_workers_per_subscription", "4");
      settings.put("max_prepared_transactions", "10");
      settings.put("max_connections", "200");
      settings.put("shared_buffers", "64MB");
      settings.put("timezone", "UTC");
      settings.put("log_timezone", "UTC");
      settings.put("log_line_prefix", "%m [%p] %q%u@%d %a: ");
    }

    /** A line of {@code postgresql.conf}; overrides a default of the same name. */
    public Builder set(String setting, String value) {
      settings.put(setting, value);
      return this;
    }

    /** Listens on this port instead of a free one. */
    public Builder port(int port) {
      this.port = port;
      return this;
    }

    /** Runs the programs of this directory, with {@code bin} below it, instead of its own. */
    public Builder programs(Path home) {
      this.programs = home;
      return this;
    }

    /** Asks everyone for a password by SCRAM; {@code postgres} gets this one. Default: trust. */
    public Builder scram(String superuserPassword) {
      this.password = superuserPassword;
      return this;
    }

    /**
     * Makes the cluster, starts the server and waits until it accepts connections.
     *
     * @throws IllegalStateException if it does not come up, with the end of its log
     */
    public PostgresServer start() {
      Path home = programs == null ? PostgresBinaries.unpacked(version) : programs;
      Path directory = Directories.temporary("postgres-" + version);
      PostgresServer server = new PostgresServer(this, home, directory);
      try {
        new PostgresCluster(home, directory).create(settings, server.port, password);
        server.start();
        return server;
      } catch (RuntimeException e) {
        server.close();
        throw e;
      }
    }
  }

  /**
   * Makes a hot standby of this server, which is stopped for as long as its files are copied.
   * Returns when the standby takes connections.
   */
  public synchronized PostgresServer standby() {
    stopFast();
    Path copy = Directories.temporary("postgres-" + version + "-standby");
    PostgresServer standby = new PostgresServer(version(version), home, copy);
    PostgresCluster.follow(directory, copy, standby.port, port);
    start();
    try {
      standby.start();
      return standby;
    } catch (RuntimeException e) {
      standby.close();
      throw e;
    }
  }

  /** Starts the server again on the same port and data, and waits until it accepts connections. */
  public synchronized void start() {
    if (isRunning()) {
      throw new IllegalStateException("PostgreSQL on port " + port + " is running already");
    }
    process =
        ChildProcess.start(
            "PostgreSQL " + version + " on port " + port,
            Unprivileged.command(
                List.of(home.resolve("bin/postgres").toString(), "-D", data().toString())),
            Map.of("LC_ALL", "C"),
            directory,
            logFile());
    long deadline = System.nanoTime() + START_LIMIT.toNanos();
    while (true) {
      try (Connection probe = connect("postgres")) {
        if (probe.isValid(5)) {
          return;
        }
      } catch (SQLException notYet) {
        if (!process.isAlive() || System.nanoTime() > deadline) {
          throw new IllegalStateException(
              "PostgreSQL "
                  + version
                  + " does not come up on port "
                  + port
                  + ". Its log ends with:\n"
                  + process.logTail(20),
              notYet);
        }
        pauseBriefly();
      }
    }
  }

  private static void pauseBriefly() {
    try {
      Thread.sleep(20);
    } catch (InterruptedException e) {
      throw ChildProcess.interrupted("wait for PostgreSQL", e);
    }
  }

  /** Ends the server as a crash does ({@code pg_ctl stop -m immediate}): recovery at next start. */
  public synchronized void stopImmediate() {
    stop("QUIT");
  }

  /** Ends all sessions, writes a checkpoint and stops ({@code pg_ctl stop -m fast}). */
  public synchronized void stopFast() {
    stop("INT");
  }

  private void stop(String signal) {
    ChildProcess running = running();
    running.signal(signal);
    running.awaitExit(STOP_LIMIT);
    process = null;
  }

  /** Kills every process of the server with SIGKILL. {@link #start()} recovers it. */
  public synchronized void kill9() {
    running().kill9();
    process = null;
  }

  /** Freezes every process of the server with SIGSTOP: it neither answers nor closes anything. */
  public synchronized void pause() {
    running().pause();
  }

  /** Lets a {@link #pause paused} server go on. */
  public synchronized void resume() {
    running().resume();
  }

  private ChildProcess running() {
    ChildProcess running = process;
    if (running == null || !running.isAlive()) {
      throw new IllegalStateException("PostgreSQL on port " + port + " is not running");
    }
    return running;
  }

  public synchronized boolean isRunning() {
    return process != null && process.isAlive();
  }

  public int version() {
    return version;
  }

  public int port() {
    return port;
  }

  /** The cluster's files. */
  public Path data() {
    return directory.resolve("data");
  }

  public Path logFile() {
    return directory.resolve("postgresql.log");
  }

  /** The JDBC URL of a database, without user and password. */
  public String jdbcUrl(String database) {
    return "jdbc:postgresql://127.0.0.1:" + port + "/" + database;
  }

  /** The URL of a database for the superuser, without a password, as a runbook has it. */
  public String url(String database) {
    return url("postgres", database);
  }

  /** The URL of a database for a role, without a password, as a runbook has it. */
  public String url(String user, String database) {
    return "postgresql://" + user + "@127.0.0.1:" + port + "/" + database;
  }

  /** As {@link #url(String)}, by a wire. */
  public String url(String database, Relay wire) {
    return "postgresql://postgres@127.0.0.1:" + wire.port() + "/" + database;
  }

  /** Connects as superuser. */
  public Connection connect(String database) throws SQLException {
    return connect(database, "postgres", password);
  }

  /** Connects as a role; the password may be absent where everyone is trusted. */
  public Connection connect(String database, String user, @Nullable String rolePassword)
      throws SQLException {
    Properties properties = new Properties();
    properties.setProperty("user", user);
    properties.setProperty("connectTimeout", "5");
    properties.setProperty("assumeMinServerVersion", "13");
    if (rolePassword != null) {
      properties.setProperty("password", rolePassword);
    }
    return DriverManager.getConnection(jdbcUrl(database), properties);
  }

  /** Offers encryption from now on, by the certificate of this JVM. */
  public void offerTls() {
    LocalCertificate certificate = LocalCertificate.make();
    try {
      PostgresCluster cluster = new PostgresCluster(home, directory);
      cluster.own("server.crt", Files.readString(certificate.pem()));
      cluster.own("server.key", certificate.privateKey());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    execute("postgres", "ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()");
  }

  /** Creates an empty database. */
  public void createDatabase(String database) {
    execute("postgres", "CREATE DATABASE \"" + database.replace("\"", "\"\"") + "\"");
  }

  /** Runs statements as superuser, each committed by itself. */
  public void execute(String database, String... statements) {
    try (Connection connection = connect(database);
        Statement statement = connection.createStatement()) {
      for (String sql : statements) {
        statement.execute(sql);
      }
    } catch (SQLException e) {
      throw new IllegalStateException("Cannot run SQL on port " + port, e);
    }
  }

  /** Stops the server at once and removes its data. */
  @Override
  public synchronized void close() {
    if (process != null) {
      process.end("QUIT", STOP_LIMIT);
      process = null;
    }
    Directories.delete(directory);
  }
}
