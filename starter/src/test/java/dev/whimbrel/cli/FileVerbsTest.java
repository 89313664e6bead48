package dev.whimbrel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.whimbrel.activity.Slots;
import dev.whimbrel.runbook.QuerySpec;
import dev.whimbrel.runbook.RunbookFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What needs no Temporal. */
class FileVerbsTest {
  private static final String RUNBOOK =
      """
      name: shop
      source: {postgres: {url: "postgresql://migrator@127.0.0.1:5431/shop"}, addresses: [192.0.2.1]}
      target: {postgres: {url: "postgresql://migrator@127.0.0.1:5432/shop"}, addresses: [192.0.2.2, "2001:db8::2"]}
      connect: [manual, {command: {do: [./point, target], undo: [./point, source]}}]
      dns: {rfc2136: {server: "127.0.0.1:5353", zone: example.com}, names: [shop.example.com]}
      """;

  @TempDir Path directory;

  private final Shell shell =
      new Shell(
          () -> {
            throw new AssertionError("needs no Temporal");
          });

  @Test
  void initWritesARunbookThatIsRight() throws IOException {
    Path file = directory.resolve("new.yaml");

    assertThat(shell.run("init", file.toString())).isZero();
    assertThat(shell.out()).contains("Wrote " + file);
    assertThat(RunbookFile.parse(Files.readString(file)).name()).isEqualTo("shop");
    assertThat(shell.run("init", file.toString())).isEqualTo(1);
    assertThat(shell.err()).contains("is there already").contains("--force");
    assertThat(shell.run("init", "--force", file.toString())).isZero();
  }

  @Test
  void everyCommentedPartOfTheTemplateIsRightToo() {
    String all = Init.template().replaceAll("(?m)^( *)# (?=[a-zA-Z]+: |  |- |[a-zA-Z]+:$)", "$1");

    assertThat(all).contains("\ndns:").contains("\nguards:").contains("\n  - pgbouncer:");
    assertThat(RunbookFile.parse(all).guards()).hasSize(1);
  }

  @Test
  void planOfflineShowsEveryStepAndWritesTheCard() throws IOException {
    Path file = write(RUNBOOK);
    Path card = directory.resolve("shop.card.md");

    int code = shell.run("plan", file.toString(), "--offline", "--card", card.toString());

    assertThat(shell.err()).isEmpty();
    assertThat(code).isZero();
    assertThat(shell.out())
        .contains("· prepare.preflight")
        .contains("- prepare.backup")
        .contains("not configured")
        .containsPattern("replicate.soak +~ 24 h +lag stays under the limit")
        .contains("writes pause for at most 5 s")
        .contains("Checked the file alone");
    assertThat(Files.readString(card))
        .contains("### Forward: from source to target", "### Back: from target to source")
        .contains("whimbrel inspect " + file)
        .contains("slot_name ~ '" + Slots.pattern("shop") + "' AND active;")
        .contains("SELECT migration, side, writable, epoch, changed_at FROM whimbrel.authority;")
        .doesNotContain("ALTER ", "UPDATE ", "BEGIN")
        .contains("update add shop.example.com. 60 AAAA 2001:db8::2")
        .contains("`./point target`", "`./point source`")
        .doesNotContain("%1$", "%%");
  }

  @Test
  void planPrintsOneDocument() throws IOException {
    Path file = write(RUNBOOK);

    int code =
        shell.run(
            "plan",
            file.toString(),
            "--offline",
            "--card",
            directory.resolve("c").toString(),
            "-o",
            "json");

    assertThat(code).isZero();
    assertThat(new ObjectMapper().readTree(shell.out()).at("/steps/0/id").asText())
        .isEqualTo("prepare.preflight");
  }

  @Test
  void aBadRunbookShowsEveryMistakeAndEndsWithTwo() throws IOException {
    Path file = write("name: Shop\nsource: {}\nconnect: [manuel]\n");

    assertThat(shell.run("plan", file.toString(), "--offline")).isEqualTo(2);
    assertThat(shell.err())
        .contains(file + ":1:7: name: expected a lower-case letter")
        .contains(":1:1: target: missing")
        .contains(":2:9: source.postgres: missing")
        .contains(":3:11: connect[0]: ")
        .contains("4 mistakes.");
    assertThat(shell.run("plan", file.toString(), "--offline", "-o", "json")).isEqualTo(2);
    assertThat(new ObjectMapper().readTree(shell.out()).path("errors")).hasSize(4);
  }

  @Test
  void readsTheQueriesBesideTheRunbookAndShowsEveryMistakeInThem() throws IOException {
    Path file = write(RUNBOOK + "validate: {queries: shop.sql}\n");
    String card = directory.resolve("c").toString();

    assertThat(shell.run("plan", file.toString(), "--offline", "--card", card)).isEqualTo(2);
    assertThat(shell.err())
        .contains("Cannot read " + directory.resolve("shop.sql"))
        .contains("there is no such file")
        .contains("--propose-queries");

    Path queries = Files.writeString(directory.resolve("shop.sql"), "delete from t;\n\\d\n");
    assertThat(shell.run("plan", file.toString(), "--offline", "--card", card)).isEqualTo(2);
    assertThat(shell.err())
        .contains(queries + ":1:1: expected a query: it begins with SELECT")
        .contains(queries + ":2:1: a backslash stands here")
        .contains("3 mistakes.");

    Files.writeString(queries, "-- name: one\nselect 1;\n");
    assertThat(shell.run("plan", file.toString(), "--offline", "--card", card)).isZero();
    assertThat(shell.out()).contains("· validate.queries");
    assertThat(RunbookSource.read(file).queries())
        .containsExactly(new QuerySpec("one", 2, "select 1", false, false));

    Files.writeString(queries, "-".repeat(70_000));
    assertThat(shell.run("plan", file.toString(), "--offline", "--card", card)).isEqualTo(2);
    assertThat(shell.err()).contains("expected at most 64 KB");
  }

  @Test
  void listsASuiteThatWritesWithWhatItTakes() throws IOException {
    Path file = write(RUNBOOK + "validate: {suite: {command: [./suite, --all], on: clone}}\n");

    shell.run("plan", file.toString(), "--offline", "--card", directory.resolve("c").toString());

    assertThat(shell.out())
        .containsPattern(
            "validate.suite +run a suite that writes, on a clone \\(copies the target on its own server, which takes as much again until the end; then at most 60 min: ./suite --all\\)");
  }

  @Test
  void saysThatQueriesAreNotConfiguredWhereThereAreNone() throws IOException {
    Path file = write(RUNBOOK);

    shell.run("plan", file.toString(), "--offline", "--card", directory.resolve("c").toString());

    assertThat(shell.out()).containsPattern("- validate.queries +not configured");
  }

  @Test
  void proposesNoQueriesOverAFileThatIsThereNorOffline() throws IOException {
    Path file = write(RUNBOOK);

    assertThat(shell.run("plan", file.toString(), "--propose-queries", file.toString()))
        .isEqualTo(2);
    assertThat(shell.err()).contains("is there already");
    assertThat(shell.run("plan", file.toString(), "--offline", "--propose-queries", "q.sql"))
        .isEqualTo(2);
    assertThat(shell.err()).contains("--offline does not");
  }

  @Test
  void usageErrorsEndWithTwo() {
    assertThat(shell.run()).isEqualTo(2);
    assertThat(shell.run("strat", "x")).isEqualTo(2);
    assertThat(shell.err()).contains("strat").contains("Did you mean");
    assertThat(shell.run("plan", directory.resolve("none.yaml").toString())).isEqualTo(2);
    assertThat(shell.err()).contains("There is no file").contains("whimbrel init");
    assertThat(shell.run("plan", directory.resolve("none.yaml").toString(), "-o", "json"))
        .isEqualTo(2);
    assertThat(shell.out()).contains("\"error\" : \"There is no file").contains("\"exitCode\" : 2");
    assertThat(shell.run("approve")).isEqualTo(2);
  }

  @Test
  void helpNamesEveryVerbOfTheDesign() {
    assertThat(shell.run("--help")).isZero();
    assertThat(shell.out())
        .contains(
            "init",
            "plan",
            "start",
            "status",
            "list",
            "wait",
            "approve",
            "reject",
            "rollback",
            "pause",
            "resume",
            "retry",
            "skip",
            "abandon",
            "history",
            "verify",
            "report",
            "inspect",
            "worker",
            "demo");
  }

  private Path write(String text) throws IOException {
    return Files.writeString(directory.resolve("shop.yaml"), text);
  }
}
