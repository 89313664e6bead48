package dev.whimbrel.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.PostgresServer;
import dev.whimbrel.servers.Program;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Whole moves with a suite that writes, whose worker is killed in its middle, or which goes back.
 */
@Needs({Program.TEMPORAL, Program.PG_DUMP, Program.PSQL})
class SuiteMoveTest {
  private static final String NAME = "suited";
  private static final String CLONES =
      "SELECT count(*) FROM pg_database WHERE datname LIKE 'whimbrel%'";

  @TempDir Path directory;

  @Test
  void runsAgainOnAFreshCloneWhenItsWorkerIsKilledAndLeavesNothing() throws Exception {
    try (Journey journey = begin()) {
      journey.startChanged(LabRunbook.quick(NAME), suite("dirty"));
      Poll.until("the suite has written", Journey.LIMIT, () -> Files.exists(file("dirty")));
      String first = Files.readString(file("dirty")).strip();
      Files.delete(file("dirty"));
      journey.killAndReplaceWorker();

      Poll.until("the suite writes again", Journey.LIMIT, () -> Files.exists(file("dirty")));
      String second = Files.readString(file("dirty")).strip();
      Files.writeString(file("go"), "");

      journey.assertMigrated();
      assertThat(second).isNotEqualTo(first).startsWith("whimbrel_suited_suite_");
      assertThat(value(journey.world().target(), CLONES)).isEqualTo("0");
      assertThat(value(journey.world().target(), "SELECT to_regclass('of_the_suite') IS NULL"))
          .isEqualTo("t");
      assertThat(
              journey.status().steps().stream()
                  .filter(step -> step.id().equals("validate.suite"))
                  .findFirst()
                  .orElseThrow()
                  .outcome())
          .startsWith("the suite is green after ")
          .contains("it said: all good; on a clone of ");
      journey.judge(true);
    }
  }

  @Test
  @Tag("campaign")
  void leavesNothingWhenTheMigrationGoesBackInItsMiddle() throws Exception {
    try (Journey journey = begin()) {
      journey.startChanged(LabRunbook.quick(NAME), suite("dirty"));
      Poll.until("the suite has written", Journey.LIMIT, () -> Files.exists(file("dirty")));

      assertThat(journey.rollBackByCommand().exit()).isZero();

      journey.assertRolledBackWhole();
      journey.judge(false);
    }
  }

  @Test
  @Tag("campaign")
  void leavesNothingWhenItsWorkerIsKilledWhileTheCloneIsBrought() throws Exception {
    try (Journey journey = begin()) {
      Files.writeString(file("go"), "");
      journey.startChanged(LabRunbook.quick(NAME), suite("dirty"));
      Poll.until(
          "the clone is being brought",
          Journey.LIMIT,
          () -> value(journey.world().target(), CLONES).equals("1"));
      journey.killAndReplaceWorker();

      journey.assertMigrated();
      assertThat(value(journey.world().target(), CLONES)).isEqualTo("0");
      journey.judge(true);
    }
  }

  private static Journey begin() {
    return Journey.begin(LabWorld.build().withoutDns(), NAME, Duration.ZERO);
  }

  private Path file(String name) {
    return directory.resolve(name);
  }

  /** It writes, says where, and ends when it is told to. */
  private Map<String, String> suite(String mark) throws IOException {
    Path script =
        Files.writeString(
            file("suite"),
            """
            set -e
            %1$s -Xqc 'CREATE TABLE of_the_suite (id int)' -c 'DELETE FROM orders'
            echo "$PGDATABASE" > %2$s.new && mv %2$s.new %2$s
            while [ ! -e %3$s ]; do sleep 0.1; done
            echo all good
            """
                .formatted(Program.PSQL.path(), file(mark), file("go")));
    return Map.of(
        "validate:\n",
        "validate:\n  suite: {command: [sh, %s], on: clone, timeout: 5m}\n".formatted(script));
  }

  private static String value(PostgresServer server, String sql) {
    try (Connection connection = server.connect(Shop.DATABASE);
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(sql)) {
      row.next();
      return String.valueOf(row.getString(1));
    } catch (SQLException e) {
      return String.valueOf(e.getMessage());
    }
  }
}
