package dev.whimbrel.worker;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.whimbrel.postgres.Inspected;
import dev.whimbrel.postgres.Inspected.ByHandStep;
import dev.whimbrel.postgres.Inspected.Way;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class InspectMainTest {
  @TempDir Path directory;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();
  private Path runbook;

  @BeforeEach
  void writeARunbookOfTwoServersThatAreGone() throws IOException {
    runbook = directory.resolve("shop.yaml");
    Files.writeString(
        runbook,
        """
        name: shop
        source: {postgres: {url: "postgresql://migrator@127.0.0.1:%d/shop"}}
        target: {postgres: {url: "postgresql://migrator@127.0.0.1:%d/shop", password: "env:ABSENT"}}
        connect: [manual]
        """
            .formatted(freePort(), freePort()));
  }

  @Test
  void saysThatNothingIsKnownWhenNeitherDatabaseAnswers() {
    int code = inspect(runbook.toString());

    assertThat(code).isEqualTo(1);
    assertThat(out.toString(StandardCharsets.UTF_8))
        .startsWith("WRITES GO TO: not known. Neither database can be read.\n")
        .contains("The target (127.0.0.1:")
        .contains(") cannot be read: Cannot read the secret env:ABSENT.");
    assertThat(err.toString(StandardCharsets.UTF_8)).isEmpty();
  }

  @Test
  void writesOneJsonDocument() throws IOException {
    int code = inspect(runbook.toString(), "--output", "json");

    JsonNode found = new ObjectMapper().readTree(out.toByteArray());
    assertThat(code).isEqualTo(1);
    assertThat(found.path("name").asText()).isEqualTo("shop");
    assertThat(found.path("state").asText()).isEqualTo("BOTH_UNREADABLE");
    assertThat(found.path("writesGoTo").asText()).isEqualTo("unknown");
  }

  @Test
  void showsEveryMistakeOfARunbookWithItsPlace() throws IOException {
    Files.writeString(runbook, "name: Shop\nsource: {}\n");

    int code = inspect(runbook.toString());

    assertThat(code).isEqualTo(2);
    assertThat(err.toString(StandardCharsets.UTF_8)).contains(runbook + ":1:").contains("postgres");
    assertThat(out.toString(StandardCharsets.UTF_8)).isEmpty();
  }

  @Test
  void saysWhichFileItCannotRead() {
    int code = inspect(directory.resolve("absent.yaml").toString());

    assertThat(code).isEqualTo(2);
    assertThat(err.toString(StandardCharsets.UTF_8))
        .contains("Cannot read ")
        .contains("absent.yaml");
  }

  @Test
  void saysHowItIsUsed() {
    assertThat(inspect("--output", "xml", runbook.toString())).isEqualTo(2);
    assertThat(err.toString(StandardCharsets.UTF_8))
        .isEqualTo("Usage: whimbrel inspect RUNBOOK [--output text|json]\n");
  }

  @Test
  void putsCommandsAtTheMarginToBeCopied() {
    Inspected found =
        new Inspected(
            "shop",
            Inspected.State.OPEN,
            "target",
            2,
            "WRITES GO TO: target.",
            List.of("Do this."),
            List.of("A fact."),
            List.of(
                new Way("Forward", "no stream", List.of()),
                new Way(
                    "Back",
                    null,
                    List.of(
                        new ByHandStep(
                            "Close", "target", "psql x <<'SQL'\nBEGIN;\nSQL", "", false)))));

    assertThat(InspectText.of(found))
        .containsExactly(
            "WRITES GO TO: target.",
            "FIRST: Do this.",
            "",
            "FOUND:",
            "  A fact.",
            "",
            "== Forward",
            "   Not from here: no stream.",
            "",
            "== Back",
            "",
            "#  1. Close.",
            "psql x <<'SQL'",
            "BEGIN;",
            "SQL");
  }

  private int inspect(String... arguments) {
    return InspectMain.run(
        List.of(arguments),
        Map.of(),
        new PrintStream(out, true, StandardCharsets.UTF_8),
        new PrintStream(err, true, StandardCharsets.UTF_8));
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }
}
