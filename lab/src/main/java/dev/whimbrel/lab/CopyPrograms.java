package dev.whimbrel.lab;

import dev.whimbrel.servers.PostgresServer;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** What else copies a PostgreSQL database, each as its documentation advises. */
final class CopyPrograms {
  private static final Duration LIMIT = Duration.ofHours(2);

  private CopyPrograms() {}

  static List<CopyTool> all() {
    return List.of(new PgCopyDb(false), new PgCopyDb(true), new DumpAndRestore(), new TableSync());
  }

  private static String url(PostgresServer server) {
    return server.url(CopyData.DATABASE);
  }

  /** What a program takes, to the millisecond. */
  private static Duration timed(Runnable work) {
    long begun = System.nanoTime();
    work.run();
    return Duration.ofNanos(System.nanoTime() - begun);
  }

  /**
   * Debian's pgcopydb, 0.10. It runs {@code VACUUM ANALYZE} for each table, which its version has
   * no option to leave out.
   *
   * @param split whether it cuts large tables for several jobs, by the size that Whimbrel cuts by
   */
  private record PgCopyDb(boolean split) implements CopyTool {
    @Override
    public String word() {
      return split ? "pgcopydb, split" : "pgcopydb";
    }

    @Override
    public Duration copy(CopyWorld world) {
      String jobs = String.valueOf(world.jobs());
      Path directory = world.fresh("pgcopydb");
      List<String> command =
          new ArrayList<>(
              List.of(
                  "pgcopydb",
                  "clone",
                  "--source",
                  url(world.source()),
                  "--target",
                  url(world.target()),
                  "--table-jobs",
                  jobs,
                  "--index-jobs",
                  jobs,
                  "--no-role-passwords",
                  "--dir",
                  directory.toString()));
      if (split) {
        command.addAll(List.of("--split-tables-larger-than", "256MB"));
      }
      return timed(() -> world.run(LIMIT, command.toArray(String[]::new)));
    }
  }

  /** A directory between both, since neither can be piped with several jobs. */
  private static final class DumpAndRestore implements CopyTool {
    @Override
    public String word() {
      return "pg_dump -j";
    }

    @Override
    public Duration copy(CopyWorld world) {
      String jobs = String.valueOf(world.jobs());
      String directory = world.fresh("dump").toString();
      return timed(
          () -> {
            world.run(
                LIMIT,
                "pg_dump",
                "-Fd",
                "-Z0",
                "-j",
                jobs,
                "-f",
                directory,
                "-d",
                url(world.source()));
            world.run(LIMIT, "pg_restore", "-j", jobs, "-d", url(world.target()), directory);
          });
    }

    @Override
    public void tidy(CopyWorld world) {
      world.fresh("dump");
    }
  }

  /** A subscription that copies, with keys and indexes built behind it. */
  private static final class TableSync implements CopyTool {
    @Override
    public String word() {
      return "table sync";
    }

    @Override
    public Duration copy(CopyWorld world) {
      String file = world.fresh("schema").toString();
      String jobs = String.valueOf(world.jobs());
      return timed(
          () -> {
            world.run(LIMIT, "pg_dump", "-Fc", "-s", "-f", file, "-d", url(world.source()));
            world.run(LIMIT, "pg_restore", "--section=pre-data", "-d", url(world.target()), file);
            world.source().execute(CopyData.DATABASE, "CREATE PUBLICATION bench FOR ALL TABLES");
            world
                .target()
                .execute(
                    CopyData.DATABASE,
                    "CREATE SUBSCRIPTION bench CONNECTION '%s' PUBLICATION bench"
                        .formatted(url(world.source())));
            Poll.until("table synchronisation", LIMIT, () -> synchronised(world.target()));
            world.run(
                LIMIT,
                "pg_restore",
                "--section=post-data",
                "-j",
                jobs,
                "-d",
                url(world.target()),
                file);
          });
    }

    private static boolean synchronised(PostgresServer target) {
      try (Connection connection = target.connect(CopyData.DATABASE);
          Statement statement = connection.createStatement();
          ResultSet row =
              statement.executeQuery(
                  "SELECT bool_and(srsubstate = 'r') FROM pg_subscription_rel")) {
        return row.next() && row.getBoolean(1);
      } catch (SQLException e) {
        throw new IllegalStateException(e);
      }
    }

    @Override
    public void tidy(CopyWorld world) {
      world.target().execute(CopyData.DATABASE, "DROP SUBSCRIPTION bench");
      world.source().execute(CopyData.DATABASE, "DROP PUBLICATION bench");
    }
  }
}
