package dev.whimbrel.traffic;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.attempt.Attempt;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A {@code haproxy.cfg} on this worker, whose weights are kept as they are in force, so that a
 * restart comes up with them. As long as it is changed, the file as it was found stands beside it,
 * as {@code haproxy.cfg.whimbrel-<migration>}: that is how any worker knows what to put back.
 */
final class HaproxyFile {
  private final Path file;
  private final Path found;
  private final String backend;

  HaproxyFile(String file, String backend, String migration) {
    this.file = Path.of(file);
    this.found = this.file.resolveSibling(this.file.getFileName() + ".whimbrel-" + migration);
    this.backend = backend;
  }

  /**
   * What is to be put back in the end: the weights of the file as it was found.
   *
   * @return empty while the file is as it was found
   */
  Optional<Map<String, Integer>> foundWeights() {
    return readIfThere(found).map(text -> new HaproxyConfig(text, backend).weights());
  }

  /**
   * Why it could not be rewritten, in one line; empty where it can.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} if it cannot be read
   */
  Optional<String> obstacle(List<String> servers) {
    Map<String, Integer> there = new HaproxyConfig(read(), backend).weights();
    List<String> missing = servers.stream().filter(each -> !there.containsKey(each)).toList();
    if (!missing.isEmpty()) {
      return Optional.of(
          "expected a line `server %s …` in its backend %s, found none"
              .formatted(missing.get(0), backend));
    }
    Path directory = file.toAbsolutePath().getParent();
    return Files.isWritable(file) && directory != null && Files.isWritable(directory)
        ? Optional.empty()
        : Optional.of("the worker may not write it or its directory");
  }

  /** Writes the weights, and keeps the file as it was found first. Again is harmless. */
  void write(Map<String, Integer> weights, Attempt attempt) {
    List<String> servers = List.copyOf(weights.keySet());
    obstacle(servers)
        .ifPresent(
            why -> {
              throw Failures.needsHelp(
                  "Cannot rewrite %s: %s".formatted(file, why),
                  "mend it, then retry; without traffic.haproxy.file the weights are set again"
                      + " after a restart",
                  null);
            });
    HaproxyConfig now = new HaproxyConfig(read(), backend);
    HaproxyConfig wanted = now.with(weights);
    if (wanted.text().equals(now.text())) {
      return;
    }
    if (!Files.exists(found)) {
      attempt.requireMoment();
      replace(found, now.text());
    }
    attempt.requireMoment();
    replace(file, wanted.text());
  }

  /**
   * Puts the file back byte for byte; where somebody else changed it meanwhile, only its weights.
   *
   * @return what a person should know; empty where it is as it was found
   */
  Optional<String> putBack(List<String> servers, Attempt attempt) {
    Optional<String> before = readIfThere(found);
    // What a worker left that was killed while it wrote.
    attempt.requireMoment();
    delete(fresh(file));
    delete(fresh(found));
    if (before.isEmpty()) {
      return Optional.empty();
    }
    HaproxyConfig then = new HaproxyConfig(before.get(), backend);
    HaproxyConfig now = new HaproxyConfig(read(), backend);
    Map<String, Integer> weights = then.weights();
    weights.keySet().retainAll(servers);
    attempt.requireMoment();
    try {
      // Both with the same weights: whatever differs is somebody else's.
      if (then.with(weights).text().equals(now.with(weights).text())) {
        Files.move(found, file, StandardCopyOption.ATOMIC_MOVE);
        return Optional.empty();
      }
      replace(file, now.with(weights).text());
      Files.deleteIfExists(found);
      return Optional.of(
          "%s was changed by somebody else meanwhile: its weights were put back, the rest stays"
              .formatted(file));
    } catch (IOException e) {
      throw cannot("put back", e);
    }
  }

  /**
   * Removes the file as it was found, and what a worker left that was killed while it wrote it. The
   * file itself, and whatever else stands beside it, stays as it is.
   *
   * @return what was removed; empty where nothing was there
   */
  Optional<String> forget(Attempt attempt) {
    boolean kept = Files.exists(found);
    attempt.requireMoment();
    delete(fresh(found));
    delete(found);
    return kept ? Optional.of("removed " + found) : Optional.empty();
  }

  private String read() {
    return readIfThere(file)
        .orElseThrow(
            () ->
                Failures.needsHelp(
                    "Cannot read %s: there is no such file".formatted(file),
                    "run a worker where HAProxy's file is, or leave traffic.haproxy.file out",
                    null));
  }

  private Optional<String> readIfThere(Path path) {
    try {
      // A byte a character: whatever the file's encoding is, it is written as it was read.
      return Optional.of(Files.readString(path, StandardCharsets.ISO_8859_1));
    } catch (NoSuchFileException e) {
      return Optional.empty();
    } catch (IOException e) {
      throw cannot("read", e);
    }
  }

  /** In one atomic step, with owner and mode of the file: HAProxy must be able to read it. */
  private void replace(Path path, String text) {
    Path fresh = fresh(path);
    delete(fresh);
    try {
      Files.copy(file, fresh, StandardCopyOption.COPY_ATTRIBUTES);
      try {
        Files.setAttribute(fresh, "unix:uid", Files.getAttribute(file, "unix:uid"));
        Files.setAttribute(fresh, "unix:gid", Files.getAttribute(file, "unix:gid"));
      } catch (IOException | UnsupportedOperationException e) {
        // Not root: the file is the worker's own.
      }
      Files.writeString(
          fresh,
          text,
          StandardCharsets.ISO_8859_1,
          StandardOpenOption.TRUNCATE_EXISTING,
          StandardOpenOption.SYNC);
      Files.move(fresh, path, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw cannot("rewrite", e);
    }
  }

  private static Path fresh(Path path) {
    return path.resolveSibling(path.getFileName() + ".new");
  }

  private void delete(Path path) {
    try {
      Files.deleteIfExists(path);
    } catch (IOException e) {
      throw cannot("write beside", e);
    }
  }

  private RuntimeException cannot(String what, IOException e) {
    return Failures.needsHelp(
        "Cannot %s %s: %s".formatted(what, file, e.getClass().getSimpleName()),
        "give the worker the right to read and write it and its directory, then retry",
        null);
  }
}
