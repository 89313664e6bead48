package dev.whimbrel.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** Prometheus, which asks its targets for {@code /metrics} five times a second. */
public final class PrometheusServer implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofSeconds(30);

  private final Path directory;
  private final int port;
  private ChildProcess process;

  private PrometheusServer(List<String> targets, Path directory) {
    this.directory = directory;
    this.port = Ports.free();
    try {
      Files.writeString(directory.resolve("prometheus.yml"), configuration(targets));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Unprivileged.own(directory);
    this.process = launch();
  }

  /**
   * Starts it and waits until it answers.
   *
   * @param targets {@code host:port} each; they are scraped as the job {@code lab}
   * @throws IllegalStateException if prometheus is not installed or does not come up
   */
  public static PrometheusServer scraping(List<String> targets) {
    Program.PROMETHEUS.path();
    PrometheusServer server = new PrometheusServer(targets, Directories.temporary("prometheus"));
    try {
      server.awaitReady();
      return server;
    } catch (RuntimeException e) {
      server.close();
      throw e;
    }
  }

  private static String configuration(List<String> targets) {
    return """
    global: {scrape_interval: 200ms, scrape_timeout: 200ms}
    scrape_configs:
      - job_name: lab
        static_configs: [{targets: [%s]}]
    """
        .formatted(
            targets.stream().map(each -> "\"" + each + "\"").collect(Collectors.joining(", ")));
  }

  private ChildProcess launch() {
    return ChildProcess.start(
        "Prometheus on port " + port,
        Unprivileged.command(
            List.of(
                Program.PROMETHEUS.path().toString(),
                "--config.file=" + directory.resolve("prometheus.yml"),
                "--storage.tsdb.path=" + directory.resolve("data"),
                "--web.listen-address=127.0.0.1:" + port)),
        Map.of(),
        directory,
        directory.resolve("prometheus.log"));
  }

  private void awaitReady() {
    Await.until(
        "Prometheus",
        LIMIT,
        process,
        () -> HttpQuestion.answers(HttpQuestion.to(url() + "/-/ready").build()));
  }

  /** Where its API is, such as {@code http://127.0.0.1:12345}. */
  public String url() {
    return "http://127.0.0.1:" + port;
  }

  /** What it answers to an instant query, in its own JSON. */
  public String query(String expression) {
    return HttpQuestion.ask(
        HttpQuestion.to(
                url()
                    + "/api/v1/query?query="
                    + URLEncoder.encode(expression, StandardCharsets.UTF_8))
            .build());
  }

  /** Freezes it with SIGSTOP. */
  public void pause() {
    process.pause();
  }

  /** Lets it go on. */
  public void resume() {
    process.resume();
  }

  /** Kills it with SIGKILL. */
  public void kill9() {
    process.kill9();
  }

  /** Starts it again on the same port, with what it had written to its directory. */
  public void start() {
    if (process.isAlive()) {
      throw new IllegalStateException("Prometheus on port " + port + " is running already");
    }
    process = launch();
    awaitReady();
  }

  /** Ends it and removes its files. */
  @Override
  public void close() {
    process.end("TERM", LIMIT);
    Directories.delete(directory);
  }
}
