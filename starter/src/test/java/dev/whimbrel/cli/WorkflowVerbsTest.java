package dev.whimbrel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.whimbrel.migration.MigrationWorkflow;
import io.temporal.testing.TestWorkflowEnvironment;
import io.temporal.worker.Worker;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What needs Temporal, on the in-process server. */
class WorkflowVerbsTest {
  @TempDir Path directory;

  private final TestWorkflowEnvironment environment = TestWorkflowEnvironment.newInstance();
  private final Shell shell = new Shell(() -> Temporal.of(environment.getWorkflowClient()));

  @BeforeEach
  void startWorker() {
    Worker worker = environment.newWorker(MigrationWorkflow.TASK_QUEUE);
    worker.registerWorkflowImplementationTypes(FakeMigration.class, FakePlan.class);
    environment.start();
  }

  @AfterEach
  void stop() {
    environment.close();
  }

  @Test
  void startsAMigrationOnceAndRefusesTheSecondStart() throws IOException {
    assertThat(shell.run("start", runbook("shop"))).as(shell.err()).isZero();
    assertThat(shell.out()).contains("Started shop. See: whimbrel status shop");
    assertThat(shell.err()).contains("WARNING workers");

    assertThat(shell.run("start", runbook("shop"))).isEqualTo(1);
    assertThat(shell.err())
        .contains("Cannot start shop: a migration of that name is running")
        .contains("WAITING_FOR_APPROVAL, phase cutover");
  }

  @Test
  void refusesToStartWhatIsBlocked() throws IOException {
    assertThat(shell.run("start", runbook("blocked"))).isEqualTo(1);
    assertThat(shell.err())
        .contains("BLOCKER replica-identity: public.orders: UPDATE and DELETE cannot be replicated")
        .contains("Fix: ALTER TABLE public.orders REPLICA IDENTITY FULL;")
        .contains("Not started: 1 blocker.");
    assertThat(shell.run("status", "shop")).isEqualTo(1);
    assertThat(shell.err()).contains("There is no migration 'shop'").contains("whimbrel list");
  }

  @Test
  void plansOnAWorker() throws IOException {
    String card = directory.resolve("card.md").toString();

    assertThat(shell.run("plan", runbook("shop"), "--card", card)).as(shell.err()).isZero();
    assertThat(shell.out())
        .contains("DATABASES: PostgreSQL 15.15 (4.0 GB) to 18.1")
        .contains("WRITE PAUSE: about 41 ms")
        .contains("WAY BACK: open until decommission")
        .contains("USES THE SOURCE: app from 192.0.2.7 (shop), writes, follows by: manual")
        .containsPattern("replicate.copy +~ 66 s .*\\(measured: 60.0 MB/s\\)")
        .containsPattern("replicate.indexes +~ 34 s .*\\(measured, foreign keys among them\\)")
        .contains("Nothing stands in the way.");
    assertThat(shell.out().lines())
        .contains(
            "MEASURED: 4 sessions at once moved 120.0 MB of orders (500,000 rows as binary) from the source through a worker to the target in 1.50 s, and 0.50 s for the target's log: 60.0 MB/s; one alone: 30.0 MB/s; the runbook's 8 jobs were not tried at once",
            "MEASURED: an index (id) of 125,000 rows in 0.25 s, 4 at once, and their keys looked up in 0.04 s",
            "FORECAST: copy about 66 s, indexes about 30 s, foreign keys about 4 s: about 100 s in all",
            "  orders                      2.4 GB  61 %  rows about 40 s, indexes (300.0 MB) about 22 s",
            "NOT SHORTER THAN: about 62 s with any number of jobs, for orders: its index by_day",
            "METHOD: online: the service goes on meanwhile. An offline move would keep it closed for about 100 s, and for as long as a comparison takes",
            "NOT IN THE FORECAST: what is written to the source meanwhile");

    assertThat(shell.run("plan", runbook("shop"), "--card", card, "-o", "json")).isZero();
    assertThat(json().at("/forecast/times/whole").asLong()).isEqualTo(100);
    assertThat(json().at("/forecast/measured/copyMillis").asLong()).isEqualTo(1_500);
    assertThat(json().at("/forecast/method").asText()).isEqualTo("online");
    assertThat(json().at("/forecast/largest/0/percent").asInt()).isEqualTo(61);

    assertThat(shell.run("plan", runbook("blocked"), "--card", card, "-o", "json")).isEqualTo(1);
    assertThat(json().at("/findings/0/check").asText()).isEqualTo("replica-identity");
  }

  @Test
  void assumesWhereNothingWasMeasuredAndSaysSo() throws IOException {
    String card = directory.resolve("card.md").toString();

    assertThat(shell.run("plan", runbook("tiny"), "--card", card)).as(shell.err()).isZero();
    assertThat(shell.out())
        .containsPattern("replicate.copy +~ 50 s .*at an assumed 80.0 MB/s")
        .contains(
            "METHOD: online. How long an offline move would keep the service closed is not known",
            "NOTE forecast: orders: the copy was not measured, so that its time is an assumption: the largest table holds 8 KB.")
        .doesNotContain("MEASURED", "FORECAST:");

    assertThat(shell.run("plan", runbook("shop"), "--card", card, "--no-sample")).isZero();
    assertThat(shell.out()).contains("at an assumed 80.0 MB/s").doesNotContain("METHOD");
  }

  @Test
  void writesTheQueriesThatTheSourceProposes() throws IOException {
    String card = directory.resolve("card.md").toString();
    Path proposed = directory.resolve("proposed.sql");

    assertThat(
            shell.run(
                "plan", runbook("shop"), "--card", card, "--propose-queries", proposed.toString()))
        .as(shell.err())
        .isZero();
    assertThat(shell.out()).contains("QUERIES: " + proposed + ", a proposal");
    assertThat(Files.readString(proposed)).isEqualTo("SELECT 1;\n");

    Path named =
        Files.writeString(
            directory.resolve("named.yaml"),
            Files.readString(Path.of(runbook("shop"))) + "validate: {queries: named.sql}\n");
    Path missing = directory.resolve("named.sql");
    assertThat(
            shell.run(
                "plan", named.toString(), "--card", card, "--propose-queries", missing.toString()))
        .as("the remedy for a file that is not there")
        .isZero();
    assertThat(missing).exists();

    Path none = directory.resolve("none.sql");
    shell.run("plan", runbook("tiny"), "--card", card, "--propose-queries", none.toString());
    assertThat(shell.out())
        .contains("NOTE queries: source: no query is proposed: it counts no statements.")
        .doesNotContain("QUERIES: ");
    assertThat(none).doesNotExist();
  }

  @Test
  void carriesTheQueriesIntoTheMigration() throws IOException {
    Path file =
        Files.writeString(
            directory.resolve("asked.yaml"),
            """
            name: shop
            source: {postgres: {url: "postgresql://migrator@127.0.0.1:5431/shop"}}
            target: {postgres: {url: "postgresql://migrator@127.0.0.1:5432/shop"}}
            connect: [manual]
            validate: {queries: asked.sql}
            """);
    Files.writeString(directory.resolve("asked.sql"), "-- name: one\nselect 1;\n");

    assertThat(shell.run("start", file.toString())).as(shell.err()).isZero();

    assertThat(
            environment
                .getWorkflowClient()
                .fetchHistory("migration-shop")
                .getHistory()
                .getEvents(0)
                .toString())
        .contains("select 1");
  }

  @Test
  void showsTheStatus() throws IOException {
    shell.run("start", runbook("shop"));

    assertThat(shell.run("status", "shop")).isZero();
    assertThat(shell.out().lines())
        .first()
        .isEqualTo(
            "WRITES GO TO: source (epoch 1). GO BACK: yes, at any time, about 2 s, 0 writes at risk:"
                + " whimbrel rollback shop");
    assertThat(shell.out())
        .contains("TO APPROVE (0123456789ab):")
        .containsPattern("- prepare.backup +not configured")
        .contains("NEXT: whimbrel approve shop --findings 0123456789ab");

    assertThat(shell.run("status", "shop", "--output", "json")).isZero();
    assertThat(json().path("state").asText()).isEqualTo("WAITING_FOR_APPROVAL");
    assertThat(json().at("/rollback/possible").asBoolean()).isTrue();
    assertThat(json().path("result").isNull()).isTrue();
    assertThat(json().at("/lag/millis").asLong()).isEqualTo(3);
    assertThat(json().at("/steps/0/started").asText()).contains("T");
  }

  @Test
  void approvesWhatWasShownAndPrintsARefusal() throws IOException {
    shell.run("start", runbook("shop"));

    assertThat(shell.run("approve", "shop", "--by", "bob@example.com")).isEqualTo(1);
    assertThat(shell.err())
        .contains("41,213,870 rows, 0 differences")
        .contains("Cannot approve: bob@example.com may not. The runbook's approvers names");

    assertThat(shell.run("approve", "shop", "--by", "bob@example.com", "-o", "json")).isEqualTo(1);
    assertThat(json().path("error").asText()).contains("bob@example.com may not");
    assertThat(json().path("exitCode").asInt()).isEqualTo(1);

    assertThat(shell.run("approve", "shop", "--by", "ana@example.com", "--dry-run")).isZero();
    assertThat(shell.out()).contains("Dry run, nothing is sent. As ana@example.com (claimed)");
    assertThat(shell.run("approve", "shop", "--findings", "beefbeef", "--dry-run")).isZero();
    assertThat(shell.out()).contains("which is refused: the findings are 0123456789ab now.");

    assertThat(shell.run("approve", "shop", "--by", "ana@example.com")).isZero();
    assertThat(shell.out()).contains("Approved (as ana@example.com, claimed)");

    assertThat(shell.run("wait", "shop")).isZero();
    assertThat(shell.out())
        .contains("shop: MIGRATED. told: approve by ana@example.com of 0123456789abcdef")
        .contains("left over: slot whimbrel_shop_base on the target");
    assertThat(shell.run("approve", "shop", "--by", "ana@example.com")).isEqualTo(1);
    assertThat(shell.err()).contains("Cannot approve: the migration 'shop' has ended (MIGRATED).");
  }

  @Test
  void waitsForAPersonWithThreeAndEndsWithFourAfterARollback() throws IOException {
    shell.run("start", runbook("shop"));

    assertThat(shell.run("wait", "shop")).isEqualTo(3);
    assertThat(shell.out()).contains("WAITING_FOR_APPROVAL: approval by ana@example.com");

    assertThat(shell.run("rollback", "shop", "--reason", "too slow", "-o", "json")).isZero();
    assertThat(json().path("answer").asText()).isEqualTo("Rolling back");
  }

  @Test
  void tellsHowAMigrationEndedThatTemporalWasToldToCancel() throws IOException {
    shell.run("start", runbook("shop"));
    environment.getWorkflowClient().newUntypedWorkflowStub("migration-shop").cancel();

    int code = shell.run("wait", "shop");
    for (int i = 0; code == 3 && i < 50; i++) {
      code = shell.run("wait", "shop");
    }
    assertThat(code).as(shell.out()).isEqualTo(4);
    assertThat(shell.out())
        .contains("shop: ROLLED_BACK. told: cancelled")
        .contains("left over: slot whimbrel_shop_base on the target");

    assertThat(shell.run("status", "shop")).isZero();
    assertThat(shell.out()).contains("ENDED, ROLLED_BACK");
    assertThat(shell.run("report", "shop")).isZero();
    assertThat(shell.out()).contains("| State | ENDED, ROLLED_BACK |").contains("told: cancelled");
    assertThat(shell.run("history", "shop")).isZero();
    assertThat(shell.out()).contains("  cancel").contains("ended: told: cancelled");
    assertThat(shell.run("rollback", "shop")).isEqualTo(1);
    assertThat(shell.err()).contains("the migration 'shop' has ended (ROLLED_BACK)");

    environment.shutdown();
    assertThat(shell.run("status", "shop", "-o", "json")).isZero();
    assertThat(json().path("state").asText()).isEqualTo("ENDED");
    assertThat(json().path("result").asText()).isEqualTo("ROLLED_BACK");
  }

  @Test
  void promotesOnlyWhoAcceptsTheLoss() throws IOException {
    shell.run("start", runbook("shop"));

    assertThat(shell.run("promote", "shop", "--reason", "it burns")).isEqualTo(2);
    assertThat(shell.err()).contains("--accept-loss");
    assertThat(shell.run("promote", "shop", "--accept-loss", "--reason", "it burns")).isZero();
    assertThat(shell.out()).contains("Opening the target (as ana, claimed)");
    assertThat(shell.run("history", "shop")).isZero();
    assertThat(shell.out()).contains("promote by ana (claimed): it burns, ACCEPTING LOSS");
    assertThat(shell.typing("no").run("promote", "shop", "--accept-loss")).isEqualTo(1);
    assertThat(shell.err())
        .contains("AND ACCEPT THE LOSS of what the source had not sent")
        .contains("Nothing was sent.");
  }

  @Test
  void asksBeforeARollbackOnATerminal() throws IOException {
    shell.run("start", runbook("shop"));

    assertThat(shell.typing("no").run("rollback", "shop")).isEqualTo(1);
    assertThat(shell.err())
        .contains("WRITES GO TO: source")
        .contains("What it does: the source keeps the writes")
        .contains("Roll back shop? [y/N]")
        .contains("Nothing was sent.");

    assertThat(shell.typing("yes").run("rollback", "shop", "--accept-loss")).isZero();
    assertThat(shell.err()).contains("AND ACCEPT THE LOSS");
    assertThat(shell.run("wait", "shop")).isEqualTo(4);
    assertThat(shell.out()).contains("ROLLED_BACK. told: rollback by ana accepting loss");
  }

  @Test
  void sendsEveryOtherDecision() throws IOException {
    shell.run("start", runbook("shop"));

    for (String verb : new String[] {"reject", "pause", "resume", "verify"}) {
      assertThat(shell.run(verb, "shop", "--reason", "because")).as(verb).isZero();
      assertThat(shell.out()).contains("Noted: " + verb + " because because (as ana, claimed)");
    }
    assertThat(shell.run("skip", "shop", "--step", "cutover.tail", "--reason", "gone")).isZero();
    assertThat(shell.out()).contains("Noted: skip cutover.tail because gone");
    assertThat(shell.run("retry", "shop")).isZero();

    assertThat(shell.run("history", "shop")).isZero();
    assertThat(shell.out())
        .contains("started by ana (claimed)")
        .contains("pause by ana (claimed): because")
        .contains("skip by ana (claimed): cutover.tail, gone")
        .contains("events in Temporal's history");

    assertThat(shell.run("report", "shop")).isZero();
    assertThat(shell.out()).startsWith("# Migration shop").contains("| prepare.backup |");

    assertThat(shell.run("abandon", "shop")).isZero();
    assertThat(shell.run("wait", "shop")).isEqualTo(1);
    assertThat(shell.out()).contains("ABANDONED");
  }

  @Test
  void waitsForWhatAComparisonFindsAndWritesDownWhichRowsDiffer() throws IOException {
    shell.run("start", runbook("shop"));
    Path keys = directory.resolve("keys.jsonl");

    assertThat(shell.run("verify", "shop", "--wait")).isEqualTo(1);
    assertThat(shell.out().lines())
        .contains(
            "COMPARED: 41,213,870 rows in 3 tables, 1,002 differences, 2 rows in flux (hash: fast, writes go to the source)",
            "DIFFERS: public.orders (id)=(7): differs in total",
            "DIFFERS: 1001 more; --keys FILE has the first rows, a thousand and 128 kB at most",
            "NOT COMPARED: public.blobs: it is unlogged",
            "NOT PROVEN: 1 object that should agree could not be compared, or not as a whole",
            "  # public.orders {id=7}: differs in total",
            "psql \"$TARGET\" <<'END'");
    assertThat(shell.out()).contains("TO MEND A ROW: find out first who wrote to the target");

    assertThat(shell.run("verify", "shop", "--output", "json", "--keys", keys.toString()))
        .isEqualTo(1);
    assertThat(json().get("name").asText()).isEqualTo("shop");
    assertThat(json().get("differences").asLong()).isEqualTo(1_002);
    assertThat(json().get("differingRowsLeftOut").asLong()).isEqualTo(1_000);
    assertThat(json().at("/differing/0/key/id").asText()).isEqualTo("7");
    assertThat(Files.readAllLines(keys))
        .containsExactly(
            "{\"table\":\"public.orders\",\"key\":{\"id\":\"7\"},\"what\":\"differs in total\",\"repair\":\"psql \\\"$TARGET\\\" <<'END'\\nbegin;\\nEND\"}",
            "{\"leftOut\":1000}");
  }

  @Test
  void givesUpWaitingAtTheTimeout() throws IOException {
    assertThat(shell.run("wait", "shop", "--timeout", "soon")).isEqualTo(2);
    assertThat(shell.err()).contains("--timeout: expected a duration");
  }

  private JsonNode json() throws IOException {
    return new ObjectMapper().readTree(shell.out());
  }

  private String runbook(String service) throws IOException {
    return Files.writeString(
            directory.resolve(service + ".yaml"),
            """
            name: shop
            service: %s
            source: {postgres: {url: "postgresql://migrator@127.0.0.1:5431/shop"}}
            target: {postgres: {url: "postgresql://migrator@127.0.0.1:5432/shop"}}
            connect: [manual]
            """
                .formatted(service))
        .toString();
  }
}
