package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.whimbrel.servers.PostgresServer;
import java.io.IOException;
import java.io.InputStream;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
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
      read(server, database, plain);
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
        .filter(line -> !line.matches("(REVOKE|GRANT) .* ON FUNCTION pg_catalog\\.lo(_|write).*"))
        .filter(line -> !line.matches("ALTER TABLE .* (ENABLE|DISABLE) .*TRIGGER whimbrel_fence.*"))
        .reduce("", (all, line) -> all + line + "\n");
  }

  /** Has {@code psql} read a file into an existing database. */
  static void read(PostgresServer server, String database, Path file) throws IOException {
    run(psql(server, database, "-f", file.toString()));
  }

  /**
   * The rows of each table as {@code pg_dump} writes them, in an order of their own: a table's
   * lines under the line that begins it, and large objects with their owners and rights under a
   * heading of their own. Without Whimbrel's own, unlogged tables and what sequences say.
   */
  static Map<String, List<String>> rows(PostgresServer server, String database) throws IOException {
    Map<String, List<String>> tables = new TreeMap<>();
    List<String> rows = null;
    String object = "";
    String dump =
        run(
            List.of(
                tool("pg_dump", server.version()),
                "--data-only",
                "--no-unlogged-table-data",
                "--exclude-schema=whimbrel",
                "--dbname=" + Conninfo.withoutPassword(server.url(database))));
    for (String line : dump.lines().toList()) {
      if (line.startsWith("COPY ") && line.endsWith(" FROM stdin;")) {
        rows = tables.computeIfAbsent(line, table -> new ArrayList<>());
      } else if (line.equals("\\.")) {
        rows = null;
      } else if (rows != null) {
        rows.add(line);
      } else if (line.matches("SELECT pg_catalog\\.lo_open.*")) {
        object = line;
      } else if (line.matches("(SELECT pg_catalog\\.lo(write|_create)|[A-Z].* LARGE OBJECT ).*")) {
        tables
            .computeIfAbsent("large objects", name -> new ArrayList<>())
            .add((line.contains("lowrite") ? object : "") + line);
      }
    }
    tables.values().forEach(Collections::sort);
    return tables;
  }

  /** How many rows each materialized view holds that is populated, and a sum of their hashes. */
  static Map<String, String> views(PostgresServer server, String database) throws IOException {
    Map<String, String> views = new TreeMap<>();
    String each =
        "SELECT format('%I.%I', schemaname, matviewname) FROM pg_matviews WHERE ispopulated";
    for (String view : ask(server, database, each)) {
      String sums =
          "SELECT count(*) || ' ' || coalesce(sum(hashtextextended(v::text, 0)), 0) FROM ";
      views.put(view, String.join("", ask(server, database, sums + view + " v")));
    }
    return views;
  }

  /**
   * How far each sequence is in its own direction that has handed out a value and never begins
   * anew.
   */
  static Map<String, BigInteger> sequences(PostgresServer server, String database)
      throws IOException {
    Map<String, BigInteger> sequences = new TreeMap<>();
    String each =
        "SELECT format('%I.%I', schemaname, sequencename) || ' ' || last_value * sign(increment_by::numeric)"
            + " FROM pg_sequences WHERE NOT cycle AND last_value IS NOT NULL AND schemaname <> 'whimbrel'";
    for (String line : ask(server, database, each)) {
      int end = line.lastIndexOf(' ');
      sequences.put(line.substring(0, end), new BigInteger(line.substring(end + 1)));
    }
    return sequences;
  }

  private static List<String> ask(PostgresServer server, String database, String query)
      throws IOException {
    return run(psql(server, database, "-A", "-t", "-c", query)).lines().toList();
  }

  /** The schema as it looks after {@code pg_dump | psql} into the target's server. */
  static String reference(Pairs pair, String database) throws IOException {
    return reference(pair, database, List.of("--schema-only"), Corpus::schema);
  }

  /** The rows as they are after {@code pg_dump | psql} into the target's server. */
  static Map<String, List<String>> referenceRows(Pairs pair, String database) throws IOException {
    return reference(pair, database, List.of(), Corpus::rows);
  }

  /** What the materialized views hold after {@code pg_dump | psql} into the target's server. */
  static Map<String, String> referenceViews(Pairs pair, String database) throws IOException {
    return reference(pair, database, List.of(), Corpus::views);
  }

  /** What is seen where a dump was restored: what a correct copy has to look like. */
  private static <T> T reference(Pairs pair, String database, List<String> what, Seen<T> seen)
      throws IOException {
    String scratch = database + "_reference";
    try {
      carry(pair.source(), database, pair.target(), scratch, what);
      return seen.in(pair.target(), scratch);
    } finally {
      pair.target().execute("postgres", "DROP DATABASE IF EXISTS \"" + scratch + "\"");
    }
  }

  /**
   * {@code pg_dump | psql} into a database that it makes.
   *
   * @param what more options for the dump
   */
  static void carry(
      PostgresServer from, String database, PostgresServer to, String copy, List<String> what)
      throws IOException {
    to.createDatabase(copy);
    Path plain = Files.createTempFile("whimbrel-dump", ".sql");
    try {
      List<String> command = new ArrayList<>();
      command.add(tool("pg_dump", from.version()));
      command.addAll(what);
      command.addAll(
          List.of(
              "--exclude-schema=whimbrel",
              "--no-publications",
              "--file=" + plain,
              "--dbname=" + Conninfo.withoutPassword(from.url(database))));
      run(command);
      Files.writeString(plain, Files.readString(plain).replace("SET transaction_timeout = 0;", ""));
      read(to, copy, plain);
    } finally {
      Files.delete(plain);
    }
  }

  private interface Seen<T> {
    T in(PostgresServer server, String database) throws IOException;
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
