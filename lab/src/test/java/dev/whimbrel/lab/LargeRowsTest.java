package dev.whimbrel.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.servers.ChildProcess;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.PostgresServer;
import dev.whimbrel.servers.Program;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Rows of 500 MB move, change and are compared, and a worker needs no more memory than ever. */
@Needs({Program.TEMPORAL, Program.PG_DUMP})
class LargeRowsTest {
  private static final String NAME = "giants";
  private static final long MOST_MEGABYTES = 512;

  private static final String COPIED =
      "SELECT count(*) = 2 FROM whimbrel.copy_piece WHERE kind = 'rows' AND done_at IS NOT NULL"
          + " AND relation IN ('public.giants', 'public.keyless')";

  @Test
  @Tag("campaign")
  void areNeverHeldByAWorker() throws Exception {
    try (Journey journey =
        Journey.begin(LabWorld.build().withoutDns().asShipped(), NAME, Duration.ofSeconds(30))) {
      PostgresServer source = journey.world().source();
      source.execute(
          Shop.DATABASE,
          "SET ROLE " + Shop.OWNER,
          "CREATE TABLE giants (id int PRIMARY KEY, b bytea, note text)",
          "ALTER TABLE giants ALTER b SET STORAGE EXTERNAL",
          "INSERT INTO giants SELECT i, decode(repeat(md5(i::text), 31250000), 'hex'), 'first' FROM generate_series(1, 2) i",
          "CREATE TABLE keyless (b bytea)",
          "ALTER TABLE keyless ALTER b SET STORAGE EXTERNAL",
          "ALTER TABLE keyless REPLICA IDENTITY FULL",
          // An UPDATE of it carries both its rows as text in one message, which may have 1 GB.
          "INSERT INTO keyless SELECT substring(b FROM 1 FOR 200000000) FROM giants WHERE id = 1");
      journey.start(LabRunbook.quick(NAME));
      Poll.until(
          "the giants", Journey.LIMIT, () -> one(journey.world().target(), COPIED).equals("t"));
      source.execute(
          Shop.DATABASE,
          "UPDATE giants SET b = b || '\\x01', note = 'while they were copied' WHERE id = 1",
          "UPDATE keyless SET b = b || '\\x02'");
      long first = peakMegabytes(journey.worker());
      journey.killAndReplaceWorker();

      journey.awaitStep("replicate.soak");
      source.execute(
          Shop.DATABASE, "UPDATE giants SET b = b || '\\x03', note = 'in the soak' WHERE id = 2");
      journey.awaitStep("cutover.monitor");
      long second = peakMegabytes(journey.worker());
      journey.assertMigrated();
      journey.judge(true);

      System.out.printf("a worker's peak: %d MB, then %d MB%n", first, second);
      assertThat(first).isLessThan(MOST_MEGABYTES);
      assertThat(second).isLessThan(MOST_MEGABYTES);
      for (String table : new String[] {"giants", "keyless"}) {
        String content = "SELECT string_agg(md5(t::text), ' ' ORDER BY 1) FROM " + table + " t";
        assertThat(one(journey.world().target(), content))
            .as(table)
            .isEqualTo(one(source, content));
      }
    }
  }

  /** The most memory that a process has had, without what was swapped out. */
  private static long peakMegabytes(ChildProcess process) {
    try {
      return Files.readAllLines(Path.of("/proc", String.valueOf(process.pid()), "status")).stream()
              .filter(line -> line.startsWith("VmHWM:"))
              .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
              .findFirst()
              .orElseThrow()
          / 1024;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String one(PostgresServer server, String query) {
    try (Connection database = server.connect(Shop.DATABASE);
        Statement statement = database.createStatement();
        ResultSet row = statement.executeQuery(query)) {
      row.next();
      return String.valueOf(row.getString(1));
    } catch (SQLException e) {
      return "not yet: " + e.getMessage();
    }
  }
}
