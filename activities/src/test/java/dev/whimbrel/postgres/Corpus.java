package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.whimbrel.servers.PostgresServer;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.zip.GZIPInputStream;

/** Databases that nobody here made, and the PostgreSQL tools that load and compare them. */
final class Corpus {
  private Corpus() {}

  /** Loads a dump into an existing database; skips, or fails under CI, where it is missing. */
  static void load(PostgresServer server, String database, String name) throws IOException {
    Path file = directory().resolve(name + ".sql.gz");
    need(
        Files.exists(file),
        file + " is missing: name the corpus by -Dwhimbrel.corpus=DIR or WHIMBREL_CORPUS");
    Path plain = Files.createTempFile("whimbrel-corpus", ".sql");
    try (InputStream in = new GZIPInputStream(Files.newInputStream(file))) {
      Files.write(plain, in.readAllBytes());
      run(psql(server, database, "-f", plain.toString()));
    } finally {
      Files.delete(plain);
    }
  }

  /** The schema as {@code pg_dump} writes it, without Whimbrel's own and without comments. */
  static String schema(PostgresServer server, String database) throws IOException {
    return run(List.of(
            tool("pg_dump", server.version()),
            "--schema-only",
            "--no-publications",
            "--no-subscriptions",
            "--exclude-schema=whimbrel",
            "--dbname=" + Conninfo.withoutPassword(server.url(database))))
        .replaceAll("(?m)^(CREATE|ALTER) EVENT TRIGGER whimbrel_ddl[^;]*;$", "")
        .lines()
        .filter(line -> !line.startsWith("--") && !line.isBlank())
        .filter(line -> !line.matches("\\\\(un)?restrict .*"))
        .filter(line -> !line.matches("CREATE TRIGGER whimbrel_fence.*"))
        .filter(line -> !line.matches("ALTER TABLE .* (ENABLE|DISABLE) .*TRIGGER whimbrel_fence.*"))
        .reduce("", (all, line) -> all + line + "\n");
  }

  /** Loads the schema as {@code pg_dump | psql} would: what a correct copy has to look like. */
  static void restoreSchema(PostgresServer from, String database, PostgresServer to, String scratch)
      throws IOException {
    Path plain = Files.createTempFile("whimbrel-schema", ".sql");
    try {
      String tool = tool("pg_dump", from.version());
      run(
          List.of(
              tool,
              "--schema-only",
              "--exclude-schema=whimbrel",
              "--no-publications",
              "--file=" + plain,
              "--dbname=" + Conninfo.withoutPassword(from.url(database))));
      Files.writeString(plain, Files.readString(plain).replace("SET transaction_timeout = 0;", ""));
      run(psql(to, scratch, "-f", plain.toString()));
    } finally {
      Files.delete(plain);
    }
  }

  private static List<String> psql(PostgresServer server, String database, String... more) {
    List<String> command = new ArrayList<>();
    command.add(tool("psql", 13));
    command.addAll(List.of("-X", "-q", "-v", "ON_ERROR_STOP=1"));
    command.addAll(List.of("-d", Conninfo.withoutPassword(server.url(database))));
    command.addAll(List.of(more));
    return command;
  }

  /** A program beside the newest {@code pg_dump}; skips, or fails under CI, without one. */
  static String tool(String name, int version) {
    try {
      return PgTools.find(version, System.getenv()).directory().resolve(name).toString();
    } catch (io.temporal.failure.ApplicationFailure e) {
      need(false, "apt-get install postgresql-client-" + version + ", or set WHIMBREL_PG_BIN");
      throw e;
    }
  }

  private static void need(boolean there, String otherwise) {
    if (System.getenv("CI") == null) {
      assumeTrue(there, otherwise);
    }
    assertThat(there).as(otherwise).isTrue();
  }

  private static Path directory() {
    String named =
        System.getProperty("whimbrel.corpus", System.getenv().getOrDefault("WHIMBREL_CORPUS", ""));
    if (!named.isEmpty()) {
      return Path.of(named);
    }
    Path up = Path.of("").toAbsolutePath();
    while (up != null && !Files.isDirectory(up.resolve("shared/corpus"))) {
      up = up.getParent();
    }
    return up == null ? Path.of("../../shared/corpus") : up.resolve("shared/corpus");
  }

  private static String run(List<String> command) throws IOException {
    Path out = Files.createTempFile("whimbrel-tool", ".out");
    try {
      ProcessBuilder builder =
          new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(out.toFile());
      builder.environment().putAll(Map.of("LC_ALL", "C", "PGCLIENTENCODING", "UTF8"));
      Process process = builder.start();
      process.getOutputStream().close();
      assertThat(process.waitFor(120, TimeUnit.SECONDS)).isTrue();
      String text = Files.readString(out);
      assertThat(process.exitValue()).as(text).isZero();
      return text;
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    } finally {
      Files.delete(out);
    }
  }
}
