package dev.whimbrel.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The files of a PostgreSQL server.
 *
 * @param home where its programs are
 * @param directory where its data is, in {@code data}
 */
record PostgresCluster(Path home, Path directory) {
  private static final Duration LIMIT = Duration.ofSeconds(60);

  private Path data() {
    return directory.resolve("data");
  }

  /**
   * Makes them.
   *
   * @param settings lines of {@code postgresql.conf}
   * @param password of the superuser, which everyone is asked for; null where everyone is trusted
   */
  void create(Map<String, String> settings, int port, @Nullable String password) {
    PostgresTemplate.copyTo(home, directory);
    StringBuilder lines = new StringBuilder("\n");
    settings.forEach((name, value) -> lines.append(line(name, value)));
    lines
        .append(line("listen_addresses", "127.0.0.1"))
        .append(line("unix_socket_directories", ""))
        .append(line("port", Integer.toString(port)));
    try {
      Path conf = data().resolve("postgresql.conf");
      Files.writeString(conf, Files.readString(conf) + lines);
      if (password != null) {
        setPassword(password);
        Files.writeString(
            data().resolve("pg_hba.conf"),
            """
            host all all 127.0.0.1/32 scram-sha-256
            host replication all 127.0.0.1/32 scram-sha-256
            """);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Copies the files of a server that is stopped, for one that follows it. */
  static void follow(Path directory, Path copy, int port, int primary) {
    ChildProcess.run(
        Unprivileged.command(
            List.of("cp", "-R", "--preserve=mode", directory + "/data", copy + "/data")),
        copy,
        LIMIT);
    try {
      Path conf = copy.resolve("data/postgresql.conf");
      Files.writeString(
          conf,
          Files.readString(conf)
              + line("port", Integer.toString(port))
              + line("hot_standby", "on")
              + line(
                  "primary_conninfo",
                  "host=127.0.0.1 port=" + primary + " user=postgres application_name=follower"));
      Path signal = copy.resolve("data/standby.signal");
      Files.createFile(signal);
      Unprivileged.own(signal);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String line(String name, String value) {
    return name + " = '" + value.replace("'", "''") + "'\n";
  }

  /** Done in single-user mode: nobody can connect in between. */
  private void setPassword(String value) throws IOException {
    Path sql = Files.createTempFile(directory, "password", ".sql");
    Files.writeString(sql, "ALTER ROLE postgres PASSWORD '" + value.replace("'", "''") + "'\n");
    Unprivileged.own(sql);
    ChildProcess.run(
        Unprivileged.command(
            List.of(
                "sh",
                "-c",
                "exec \"$0\" --single -c password_encryption=scram-sha-256 -D \"$1\" postgres"
                    + " < \"$2\"",
                home.resolve("bin/postgres").toString(),
                data().toString(),
                sql.toString())),
        directory,
        LIMIT);
    Files.delete(sql);
  }

  /** Writes a file that nobody but the server may read. */
  void own(String name, String content) throws IOException {
    Path file = data().resolve(name);
    Files.createFile(
        file, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    Files.writeString(file, content);
    Files.setOwner(file, Files.getOwner(data()));
  }
}
