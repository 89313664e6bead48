package dev.whimbrel.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import dev.whimbrel.servers.TemporalServer;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The worker as a process of its own. */
class WorkerMainTest {
  private static final Duration LIMIT = Duration.ofSeconds(60);

  @TempDir Path directory = Path.of("");
  private @Nullable Process worker;

  @AfterEach
  void stop() {
    if (worker != null) {
      worker.destroyForcibly();
    }
  }

  @Test
  @Needs(Program.TEMPORAL)
  void saysThatItIsReadyWorksAndStopsOnSigterm() throws Exception {
    try (TemporalServer temporal = TemporalServer.launch()) {
      Process process = start(Map.of("TEMPORAL_ADDRESS", temporal.target()));
      await("the ready line", () -> !out().isEmpty() || !process.isAlive());

      assertThat(out())
          .matches(
              "whimbrel worker is ready: task queue whimbrel, namespace default at "
                  + temporal.target()
                  + ", http://127\\.0\\.0\\.1:\\d+/metrics\n");
      String endpoints = out().replaceAll("(?s).*(http://[^/]+)/metrics\n", "$1");
      assertThat(get(endpoints + "/healthz")).isEqualTo("200 ok\n");
      await(
          "pollers at the server",
          () -> temporal.cli("task-queue", "describe", "-t", "whimbrel").contains("workflow"));
      await(
          "the SDK's figures", () -> get(endpoints + "/metrics").contains("temporal_num_pollers"));

      process.destroy();

      assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
      assertThat(process.exitValue()).isEqualTo(128 + 15);
      assertThat(err()).doesNotContain("Exception");
    }
  }

  @Test
  void doesNotStartWithASettingThatItDoesNotKnow() throws Exception {
    Process process = start(Map.of("WHIMBREL_TASK_QUEU", "shop"));

    assertThat(process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).isEqualTo(2);
    assertThat(out()).isEmpty();
    assertThat(err())
        .startsWith(
            "Cannot start the worker: WHIMBREL_TASK_QUEU is not a setting of the worker. Did you"
                + " mean WHIMBREL_TASK_QUEUE?");
  }

  @Test
  void doesNotStartWithAKeyThatTemporalsFileDoesNotHave() throws Exception {
    Path file = directory.resolve("temporal.toml");
    Files.writeString(file, "[profile.default]\nadress = \"127.0.0.1:1\"\napi_key = \"hunter2\"\n");

    Process process = start(Map.of("TEMPORAL_CONFIG_FILE", file.toString()));

    assertThat(process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).isEqualTo(2);
    assertThat(err()).startsWith("Cannot start the worker: ").contains("adress");
    assertThat(err() + out()).doesNotContain("hunter2");
  }

  private Process start(Map<String, String> environment) throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(
                List.of(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "-cp",
                    System.getProperty("java.class.path"),
                    WorkerMain.class.getName()))
            .redirectOutput(directory.resolve("out").toFile())
            .redirectError(directory.resolve("err").toFile());
    builder.environment().keySet().removeIf(n -> n.matches("(WHIMBREL|TEMPORAL)_.*"));
    builder.environment().put("HOME", directory.toString());
    builder.environment().putAll(environment);
    worker = builder.start();
    return worker;
  }

  private String out() {
    return read("out");
  }

  private String err() {
    return read("err");
  }

  private String read(String name) {
    try {
      return Files.readString(directory.resolve(name));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static String get(String url) {
    try {
      HttpResponse<String> response =
          HttpClient.newHttpClient()
              .send(
                  HttpRequest.newBuilder(URI.create(url)).timeout(LIMIT).build(),
                  HttpResponse.BodyHandlers.ofString());
      return response.statusCode() + " " + response.body();
    } catch (IOException e) {
      throw new AssertionError(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(e);
    }
  }

  private void await(String what, BooleanSupplier condition) throws InterruptedException {
    long deadline = System.nanoTime() + LIMIT.toNanos();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > deadline) {
        throw new AssertionError("Waited in vain for " + what + ". The worker said: " + err());
      }
      Thread.sleep(50);
    }
  }
}
