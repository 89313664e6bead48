package dev.whimbrel.postgres;

import static java.util.stream.Collectors.joining;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.secrets.Secrets;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A {@code pg_dump} archive of the source's schema, without data, in a private directory of this
 * worker. It is cut into the SQL of its single entries, so that each is executed together with the
 * record that it was, in one transaction.
 */
final class SchemaArchive implements AutoCloseable {
  private static final Pattern ENTRY = Pattern.compile("^(\\d+); (\\d+) (\\d+) (.*)$");
  private static final Pattern HEADER =
      Pattern.compile("^-- TOC entry (\\d+) \\(class \\d+ OID \\d+\\)$", Pattern.MULTILINE);
  private static final Pattern RESTRICT =
      Pattern.compile("^\\\\(?:un)?restrict ([A-Za-z0-9]+)$", Pattern.MULTILINE);
  private static final Pattern PREAMBLE_END =
      Pattern.compile("^SET row_security = off;$", Pattern.MULTILINE);

  /** What {@code pg_restore} sets once for all entries behind it. */
  private static final Pattern STATE =
      Pattern.compile("^SET default_\\w+ = .*;$", Pattern.MULTILINE);

  private final PgTools tools;
  private final Secrets secrets;
  private final Path directory;

  private SchemaArchive(PgTools tools, Secrets secrets, Path directory) {
    this.tools = tools;
    this.secrets = secrets;
    this.directory = directory;
  }

  /**
   * Reads the schema of the database; other people's publications and {@code whimbrel} stay out,
   * and what does not move, with everything that belongs to it.
   */
  static SchemaArchive dump(
      PgTools tools,
      PostgresSpec spec,
      Secrets secrets,
      String application,
      Set<String> without,
      @Nullable String snapshot) {
    try {
      Path directory = Files.createTempDirectory("whimbrel-schema");
      SchemaArchive archive = new SchemaArchive(tools, secrets, directory);
      Map<String, String> environment = new HashMap<>();
      environment.put("PGAPPNAME", application);
      if (spec.password() != null) {
        environment.put("PGPASSWORD", secrets.resolve(spec.password()));
      }
      List<String> command =
          new ArrayList<>(
              List.of(
                  tools.dump(),
                  "--dbname=" + Conninfo.withoutPassword(spec.url()),
                  "--no-password",
                  "--schema-only",
                  "--format=custom",
                  "--encoding=UTF8",
                  "--no-publications",
                  "--no-subscriptions",
                  "--exclude-schema=" + Names.SCHEMA,
                  "--lock-wait-timeout=30s",
                  "--file=" + archive.file()));
      without.forEach(each -> command.add("--exclude-table=" + each));
      if (snapshot != null) {
        command.add("--snapshot=" + snapshot);
      }
      try {
        archive.run("Cannot read the source's schema", command, environment);
        return archive;
      } catch (RuntimeException e) {
        archive.close();
        throw e;
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * The entries of one section in the archive's order.
   *
   * @param section {@code pre-data} or {@code post-data}
   */
  List<SchemaEntry> entries(String section) {
    String listing =
        run(
            "Cannot list the source's schema",
            List.of(tools.restore(), "--list", "--section=" + section, file().toString()),
            Map.of());
    List<SchemaEntry> entries = new ArrayList<>();
    for (String line : listing.lines().toList()) {
      Matcher matcher = ENTRY.matcher(line);
      if (matcher.matches()) {
        entries.add(
            new SchemaEntry(
                Integer.parseInt(matcher.group(1)),
                Long.parseLong(matcher.group(2)),
                Long.parseLong(matcher.group(3)),
                matcher.group(4)));
      }
    }
    return entries;
  }

  /** The SQL that creates the entries, and the SQL that drops them again. */
  SchemaScript script(List<SchemaEntry> entries, boolean keepTablespaces) {
    try {
      Path list = directory.resolve("list");
      Files.writeString(
          list, String.join("\n", entries.stream().map(e -> e.dumpId() + ";").toList()) + "\n");
      List<String> command = new ArrayList<>();
      command.add(tools.restore());
      command.addAll(List.of("--verbose", "--clean", "--if-exists"));
      command.add("--use-list=" + list);
      if (!keepTablespaces) {
        command.add("--no-tablespaces");
      }
      command.addAll(List.of("--file=-", file().toString()));
      return cut(run("Cannot read the schema's archive", command, Map.of()), entries);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Cuts a verbose script at the headers of its entries. */
  static SchemaScript cut(String text, List<SchemaEntry> entries) {
    String script = withoutRestrictions(text);
    Map<Integer, SchemaEntry> expected = new HashMap<>();
    entries.forEach(entry -> expected.put(entry.dumpId(), entry));
    Map<SchemaEntry, String> parts = new LinkedHashMap<>();
    String preamble = "";
    String state = "";
    SchemaEntry open = null;
    int start = 0;
    Matcher header = HEADER.matcher(script);
    while (header.find()) {
      // A header seen twice, or of no entry that was asked for, is the text of a function's body.
      SchemaEntry next = expected.remove(Integer.parseInt(header.group(1)));
      if (next == null) {
        continue;
      }
      String before = script.substring(start, header.start());
      if (open == null) {
        preamble = before;
        state = STATE.matcher(before).results().map(r -> r.group() + "\n").collect(joining());
      } else {
        parts.put(open, parts.isEmpty() ? state + before : before);
      }
      open = next;
      start = header.start();
    }
    if (open != null) {
      String last = script.substring(start);
      parts.put(open, parts.isEmpty() ? state + last : last);
    }
    Matcher end = PREAMBLE_END.matcher(preamble);
    String drops = end.find() ? preamble.substring(end.end()) : "";
    return new SchemaScript(parts, STATE.matcher(drops).replaceAll("").strip());
  }

  /** The lines with which newer minor releases keep {@code psql} from running its own commands. */
  private static String withoutRestrictions(String script) {
    Matcher first = RESTRICT.matcher(script);
    return first.find()
        ? script.replaceAll("(?m)^\\\\(un)?restrict " + Pattern.quote(first.group(1)) + "$", "")
        : script;
  }

  private Path file() {
    return directory.resolve("archive");
  }

  private String run(String doing, List<String> command, Map<String, String> environment) {
    try {
      Path out = directory.resolve("out");
      Path errors = directory.resolve("errors");
      ProcessBuilder builder =
          new ProcessBuilder(command).redirectOutput(out.toFile()).redirectError(errors.toFile());
      // The worker's own PG… settings must not send the child to another server.
      builder
          .environment()
          .keySet()
          .removeIf(
              k -> k.startsWith("PG") && !k.startsWith("PGPASSFILE") && !k.startsWith("PGSSL"));
      builder.environment().put("LC_ALL", "C");
      builder.environment().put("PGCONNECT_TIMEOUT", "10");
      builder.environment().putAll(environment);
      Process process = builder.start();
      try {
        process.getOutputStream().close();
        while (!process.waitFor(500, TimeUnit.MILLISECONDS)) {
          Heartbeats.beat("reading the source's schema");
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw Failures.transientFailure(doing + ": this worker is being stopped");
      } finally {
        process.destroyForcibly();
      }
      if (process.exitValue() != 0) {
        throw failure(doing, process.exitValue(), Files.readString(errors));
      }
      return Files.readString(out);
    } catch (IOException e) {
      throw Failures.needsHelp(
          doing + ": " + command.get(0) + " cannot be run or its output not be kept",
          "make room in this worker's temporary directory and the program executable",
          null);
    }
  }

  private RuntimeException failure(String doing, int exit, String errors) {
    List<String> said =
        errors
            .lines()
            .filter(l -> l.contains("error:") || l.contains("detail:") || l.contains("hint:"))
            .toList();
    String text = secrets.redact(said.isEmpty() ? "exit code " + exit : String.join("; ", said));
    boolean passing =
        text.contains("could not connect")
            || text.contains("connection to server")
            || text.contains("server closed the connection")
            || text.contains("canceling statement due to lock timeout")
            || text.contains("terminating connection");
    boolean credentials =
        text.contains("authentication failed")
            || text.contains("no password supplied")
            || text.contains("no pg_hba.conf entry")
            || text.contains("does not exist");
    // The snapshot is lost: whoever keeps it says so, and the next one follows.
    boolean withoutSnapshot = text.contains("SET TRANSACTION SNAPSHOT");
    if (said.isEmpty() || withoutSnapshot || (passing && !credentials)) {
      return Failures.transientFailure(doing + ": " + text);
    }
    return Failures.needsHelp(doing + ": " + text, "mend what pg_dump names, then retry", null);
  }

  @Override
  public void close() {
    try (Stream<Path> files = Files.list(directory)) {
      for (Path file : files.toList()) {
        Files.deleteIfExists(file);
      }
      Files.deleteIfExists(directory);
    } catch (IOException e) {
      // It holds no data and no secret; a left-over directory must not fail a step that succeeded.
      directory.toFile().deleteOnExit();
    }
  }
}
