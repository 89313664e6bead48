package dev.whimbrel.servers;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** A program that the machine must bring along, and the line that installs it. */
public enum Program {
  PGBOUNCER("pgbouncer", "apt-get install -y pgbouncer"),
  NAMED("named", "apt-get install -y bind9"),
  UNBOUND("unbound", "apt-get install -y unbound"),
  PG_DUMP("pg_dump", "apt-get install -y postgresql-client"),
  PSQL("psql", "apt-get install -y postgresql-client"),
  /** Looked for in the directory {@code WHIMBREL_TEMPORAL} and in Whimbrel's cache as well. */
  TEMPORAL("temporal", "deploy/dev/install-temporal");

  private final String command;
  private final String install;

  Program(String command, String install) {
    this.command = command;
    this.install = install;
  }

  /** Where it is, or nothing when the machine does not have it. */
  public Optional<Path> find() {
    return places().map(each -> each.resolve(command)).filter(Files::isExecutable).findFirst();
  }

  /**
   * Where it is.
   *
   * @throws IllegalStateException if the machine does not have it, with the line that installs it
   */
  public Path path() {
    return find().orElseThrow(() -> new IllegalStateException(missing()));
  }

  /** Says that it is missing, and the line that installs it. */
  public String missing() {
    return command + " is not installed. Fix: " + install;
  }

  private Stream<Path> places() {
    String path = System.getenv().getOrDefault("PATH", "");
    Stream<Path> places =
        Stream.concat(
            Stream.of(path.split(File.pathSeparator)).filter(each -> !each.isEmpty()).map(Path::of),
            // Debian keeps servers off an ordinary user's PATH.
            Stream.of(Path.of("/usr/sbin"), Path.of("/usr/local/sbin")));
    return switch (this) {
      case TEMPORAL -> Stream.concat(temporalPlaces(), places);
      case PG_DUMP, PSQL -> Stream.concat(newestPostgresFirst().stream(), places);
      default -> places;
    };
  }

  private static Stream<Path> temporalPlaces() {
    Path cached = Path.of(System.getProperty("user.home"), ".cache", "whimbrel", "bin");
    String told = System.getenv("WHIMBREL_TEMPORAL");
    if (told == null || told.isBlank()) {
      return Stream.of(cached);
    }
    return Stream.of(Path.of(told), cached);
  }

  private static List<Path> newestPostgresFirst() {
    Path all = Path.of("/usr/lib/postgresql");
    if (!Files.isDirectory(all)) {
      return List.of();
    }
    try (Stream<Path> versions = Files.list(all)) {
      return versions
          .filter(each -> each.getFileName().toString().matches("[0-9]+"))
          .sorted(
              Comparator.comparing((Path each) -> Integer.parseInt(each.getFileName().toString()))
                  .reversed())
          .map(each -> each.resolve("bin"))
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
