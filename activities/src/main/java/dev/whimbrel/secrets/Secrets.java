package dev.whimbrel.secrets;

import dev.whimbrel.activity.Failures;
import java.io.IOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

/**
 * Resolves references to secrets on this worker: {@code env:NAME}, {@code file:/path} (the first
 * line), {@code command:program argument …} (the first line of its output, run without a shell).
 * Remembers what it resolved, so that {@link #redact} can keep it out of every text that leaves.
 */
public final class Secrets {
  private static final String MASK = "***";
  private static final int SHORTEST_TO_REDACT = 4;

  private final Map<String, String> environment;
  private final Set<String> seen = ConcurrentHashMap.newKeySet();

  /** Secrets of this process's own environment. */
  public Secrets() {
    this(System.getenv());
  }

  /** Secrets of the given environment. */
  public Secrets(Map<String, String> environment) {
    this.environment = Map.copyOf(environment);
  }

  /**
   * Resolves one reference.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} when it names nothing that
   *     this worker has; the message holds the reference, never the secret
   */
  public String resolve(String reference) {
    String secret = read(reference);
    seen.add(secret);
    return secret;
  }

  /** The text with every secret that was resolved here masked. */
  public String redact(String text) {
    String redacted = text;
    // The longest first: one secret may begin with another.
    List<String> longestFirst =
        seen.stream().sorted(Comparator.comparingInt(String::length).reversed()).toList();
    for (String secret : longestFirst) {
      if (secret.length() >= SHORTEST_TO_REDACT) {
        redacted = redacted.replace(secret, MASK);
        redacted = redacted.replace(URLEncoder.encode(secret, StandardCharsets.UTF_8), MASK);
      }
    }
    return redacted;
  }

  private String read(String reference) {
    if (reference.startsWith("env:")) {
      String name = reference.substring("env:".length());
      String value = environment.get(name);
      if (value == null) {
        throw missing(reference, "set the environment variable " + name + " on every worker");
      }
      return value;
    }
    if (reference.startsWith("file:")) {
      return firstLineOf(reference, Path.of(reference.substring("file:".length())));
    }
    if (reference.startsWith("command:")) {
      return firstLineFrom(reference, reference.substring("command:".length()).trim().split(" +"));
    }
    throw Failures.needsHelp(
        "Cannot read a secret: expected env:, file: or command:, found something else",
        "write a reference into the runbook, never the secret itself",
        null);
  }

  private static String firstLineOf(String reference, Path file) {
    try (var lines = Files.lines(file)) {
      return lines.findFirst().orElseThrow(() -> missing(reference, "the file is empty"));
    } catch (IOException | java.io.UncheckedIOException e) {
      throw missing(reference, "make " + file + " readable on every worker");
    }
  }

  private static String firstLineFrom(String reference, String... command) {
    try {
      Process process =
          new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
      process.getOutputStream().close();
      try (var reader = process.inputReader()) {
        String line = reader.readLine();
        if (!process.waitFor(30, TimeUnit.SECONDS) || process.exitValue() != 0 || line == null) {
          process.destroyForcibly();
          throw missing(reference, "the command did not end with 0 and one line within 30 s");
        }
        return line;
      }
    } catch (IOException e) {
      throw missing(reference, "the command cannot be started on this worker");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw missing(reference, "interrupted while it ran");
    }
  }

  private static RuntimeException missing(String reference, String remedy) {
    return Failures.needsHelp("Cannot read the secret " + reference, remedy, null);
  }
}
