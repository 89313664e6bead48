package dev.whimbrel.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * PgBouncer in front of one database, in transaction mode unless told otherwise. Whoever connects
 * is trusted; {@code admin} may use the console. Its ini file is there to be rewritten and
 * reloaded.
 */
public final class PgBouncer implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofSeconds(15);

  private final Path directory;
  private final int port;
  private final String database;
  private ChildProcess process;

  private PgBouncer(Builder options, Path directory) {
    this.directory = directory;
    this.port = Ports.free();
    this.database = options.database;
    try {
      Files.writeString(iniFile(), options.ini(directory, port));
      Files.writeString(directory.resolve("users.txt"), options.userList());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Unprivileged.own(directory);
    this.process = launch();
  }

  /** A pooler for a database of the server on {@code serverPort}. */
  public static Builder to(int serverPort, String database) {
    return new Builder(serverPort, database);
  }

  /** Options; {@link #start} makes the pooler. */
  public static final class Builder {
    private final int serverPort;
    private final String database;
    private final Map<String, String> settings = new LinkedHashMap<>();
    private final Map<String, String> users = new LinkedHashMap<>();

    private Builder(int serverPort, String database) {
      this.serverPort = serverPort;
      this.database = database;
      settings.put("pool_mode", "transaction");
      settings.put("default_pool_size", "20");
      settings.put("max_client_conn", "500");
      settings.put("ignore_startup_parameters", "extra_float_digits");
      users.put("admin", "");
      users.put("postgres", "");
    }

    /** A line of the section {@code [pgbouncer]}; overrides a default of the same name. */
    public Builder set(String setting, String value) {
      settings.put(setting, value);
      return this;
    }

    /** Lets a role of the database in; {@code postgres} and {@code admin} are let in anyway. */
    public Builder user(String role) {
      return user(role, "");
    }

    /** Lets a role in, and logs in at the server with this password. */
    public Builder user(String role, String password) {
      users.put(role, password);
      return this;
    }

    /**
     * Starts the pooler and waits until its console answers.
     *
     * @throws IllegalStateException if pgbouncer is not installed or does not come up
     */
    public PgBouncer start() {
      Program.PGBOUNCER.path();
      PgBouncer pooler = new PgBouncer(this, Directories.temporary("pgbouncer"));
      try {
        pooler.awaitConsole();
        return pooler;
      } catch (RuntimeException e) {
        pooler.close();
        throw e;
      }
    }

    private String ini(Path directory, int port) {
      StringBuilder ini = new StringBuilder("[databases]\n");
      ini.append(database).append(" = host=127.0.0.1 port=").append(serverPort);
      ini.append(" dbname=").append(database).append("\n\n[pgbouncer]\n");
      ini.append("listen_addr = 127.0.0.1\nlisten_port = ").append(port);
      ini.append("\nunix_socket_dir =\nauth_type = trust\nauth_file = ");
      ini.append(directory.resolve("users.txt")).append("\nadmin_users = admin\n");
      settings.forEach((name, value) -> ini.append(name + " = " + value + "\n"));
      return ini.toString();
    }

    private String userList() {
      StringBuilder list = new StringBuilder();
      users.forEach((role, password) -> list.append("\"" + role + "\" \"" + password + "\"\n"));
      return list.toString();
    }
  }

  private ChildProcess launch() {
    return ChildProcess.start(
        "PgBouncer on port " + port,
        Unprivileged.command(List.of(Program.PGBOUNCER.path().toString(), iniFile().toString())),
        Map.of(),
        directory,
        logFile());
  }

  private void awaitConsole() {
    Await.until("PgBouncer's console", LIMIT, process, this::consoleAnswers);
  }

  private boolean consoleAnswers() {
    try {
      return !PgBouncerConsole.run(port, 1_000, "SHOW VERSION").isEmpty();
    } catch (IOException notYet) {
      return false;
    }
  }

  /**
   * Runs a command of the console, such as {@code PAUSE} or {@code SHOW POOLS}, and returns its
   * rows.
   *
   * @throws IllegalStateException if the console refuses, with its message, or does not answer
   */
  public List<List<String>> command(String command) {
    try {
      return PgBouncerConsole.run(port, (int) LIMIT.toMillis(), command);
    } catch (IOException e) {
      throw new IllegalStateException("PgBouncer: " + command + ": " + e.getMessage(), e);
    }
  }

  public int port() {
    return port;
  }

  /** The URL of the admin console, as a runbook has it. */
  public String adminUrl() {
    return "postgresql://admin@127.0.0.1:" + port + "/pgbouncer";
  }

  /**
   * The JDBC URL of the database; clients in transaction mode must not keep prepared statements.
   */
  public String jdbcUrl() {
    return "jdbc:postgresql://127.0.0.1:" + port + "/" + database + "?prepareThreshold=0";
  }

  public Path iniFile() {
    return directory.resolve("pgbouncer.ini");
  }

  public Path logFile() {
    return directory.resolve("pgbouncer.log");
  }

  /** Kills it with SIGKILL. */
  public void kill9() {
    process.kill9();
  }

  /** Starts it again on the same port, with the ini file as it is now. */
  public void start() {
    if (process.isAlive()) {
      throw new IllegalStateException("PgBouncer on port " + port + " is running already");
    }
    process = launch();
    awaitConsole();
  }

  /** Ends it at once and removes its files. */
  @Override
  public void close() {
    process.end("TERM", LIMIT);
    Directories.delete(directory);
  }
}
