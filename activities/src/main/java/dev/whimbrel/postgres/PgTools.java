package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * {@code pg_dump} and {@code pg_restore} of one version, as found on this worker.
 *
 * @param directory where both are
 * @param major their major version
 * @param minor their minor version
 */
record PgTools(Path directory, int major, int minor) {
  private static final Pattern VERSION = Pattern.compile("\\(PostgreSQL\\) (\\d+)(?:\\.(\\d+))?");
  private static final Path DEBIAN = Path.of("/usr/lib/postgresql");

  /**
   * Finds the newest pair in the directory that {@code WHIMBREL_PG_BIN} names, on the PATH, or
   * under {@code /usr/lib/postgresql}.
   *
   * @param serverMajor the source's major version; an older {@code pg_dump} cannot read it
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} when none is new enough
   */
  static PgTools find(int serverMajor, Map<String, String> environment) {
    List<PgTools> found = directories(environment).stream().flatMap(d -> in(d).stream()).toList();
    Comparator<PgTools> byVersion =
        Comparator.comparingInt(PgTools::major).thenComparingInt(PgTools::minor);
    Optional<PgTools> newest = found.stream().max(byVersion);
    if (newest.isPresent() && newest.get().major() >= serverMajor) {
      return newest.get();
    }
    throw Failures.needsHelp(
        "Cannot read the source's schema: expected pg_dump "
            + serverMajor
            + " or newer on this worker, found "
            + newest.map(t -> t.major() + "." + t.minor() + " in " + t.directory()).orElse("none"),
        "install it on every worker, or name its directory in WHIMBREL_PG_BIN",
        "apt-get install postgresql-client-" + serverMajor);
  }

  String dump() {
    return directory.resolve("pg_dump").toString();
  }

  String restore() {
    return directory.resolve("pg_restore").toString();
  }

  private static List<Path> directories(Map<String, String> environment) {
    List<Path> directories = new ArrayList<>();
    String named = environment.get("WHIMBREL_PG_BIN");
    if (named != null && !named.isBlank()) {
      directories.add(Path.of(named));
    }
    for (String part : environment.getOrDefault("PATH", "").split(File.pathSeparator, -1)) {
      if (!part.isBlank()) {
        directories.add(Path.of(part));
      }
    }
    if (Files.isDirectory(DEBIAN)) {
      try (Stream<Path> versions = Files.list(DEBIAN)) {
        versions.map(v -> v.resolve("bin")).forEach(directories::add);
      } catch (IOException e) {
        return directories; // not readable: what stands on the PATH has to do
      }
    }
    return directories;
  }

  private static Optional<PgTools> in(Path directory) {
    Path dump = directory.resolve("pg_dump");
    if (!Files.isExecutable(dump) || !Files.isExecutable(directory.resolve("pg_restore"))) {
      return Optional.empty();
    }
    try {
      Process process =
          new ProcessBuilder(dump.toString(), "--version").redirectErrorStream(true).start();
      process.getOutputStream().close();
      try (var reader = process.inputReader()) {
        String line = reader.readLine();
        Matcher version = VERSION.matcher(line == null ? "" : line);
        if (!version.find()) {
          return Optional.empty();
        }
        String minor = version.group(2);
        return Optional.of(
            new PgTools(
                directory,
                Integer.parseInt(version.group(1)),
                minor == null ? 0 : Integer.parseInt(minor)));
      } finally {
        process.destroy();
      }
    } catch (IOException e) {
      return Optional.empty(); // cannot be started: as good as not there
    }
  }
}
