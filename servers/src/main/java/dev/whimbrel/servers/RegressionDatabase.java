package dev.whimbrel.servers;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/**
 * What PostgreSQL's own regression suite leaves behind: every type, partitions, inheritance,
 * domains, ranges, arrays of composites, identity, generated columns, row-level security, odd
 * names. Its functions in C are known to Debian's server 15 only; see {@link #server}.
 */
public final class RegressionDatabase {
  /** Its name. */
  public static final String NAME = "regression";

  private static final Path DEBIAN = Path.of("/usr/lib/postgresql/15");
  private static final Duration LIMIT = Duration.ofMinutes(10);

  private RegressionDatabase() {}

  /** Where {@code deploy/dev/install-regression} puts the suite. */
  static Path suite() {
    return Directories.cache().resolve("regression-15");
  }

  /** A server that can hold it: Debian's own, of the suite's version. */
  public static PostgresServer.Builder server() {
    return PostgresServer.version(15).programs(DEBIAN);
  }

  /**
   * Runs the suite.
   *
   * @return how it ended, in its own words: a test that found other text than it expects leaves its
   *     objects behind all the same
   */
  public static String create(PostgresServer server) {
    Path out = Directories.temporary("regression");
    try {
      return ChildProcess.run(
          Unprivileged.command(
              List.of(
                  "sh",
                  "-c",
                  // Differences from the expected text are not what is looked for.
                  "\"$@\" > said 2>&1; grep 'tests' said",
                  "pg_regress",
                  DEBIAN.resolve("lib/pgxs/src/test/regress/pg_regress").toString(),
                  "--inputdir=" + suite(),
                  "--outputdir=" + out,
                  "--schedule=" + suite().resolve("parallel_schedule"),
                  "--dlpath=" + suite().resolve("lib"),
                  "--bindir=" + DEBIAN.resolve("bin"),
                  "--host=127.0.0.1",
                  "--port=" + server.port(),
                  "--user=postgres",
                  "--dbname=" + NAME)),
          out,
          LIMIT);
    } finally {
      Directories.delete(out);
    }
  }
}
