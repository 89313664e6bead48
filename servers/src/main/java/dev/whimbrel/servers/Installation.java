package dev.whimbrel.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Runs the scripts that install what a machine lacks, each once a process. */
final class Installation {
  private static final Map<Program, Optional<String>> TRIED = new EnumMap<>(Program.class);

  private Installation() {}

  /** Where the scripts put what is no package of the system. */
  static Path cache() {
    return Path.of(System.getProperty("user.home"), ".cache", "whimbrel");
  }

  static synchronized Optional<String> bring(Program program) {
    if (program.find().isPresent()) {
      return Optional.empty();
    }
    return TRIED.computeIfAbsent(program, Installation::install);
  }

  private static Optional<String> install(Program program) {
    Optional<Path> root = repository();
    if (root.isEmpty() || "no".equals(System.getenv("WHIMBREL_INSTALL"))) {
      return Optional.of(program.missing());
    }
    try {
      Files.createDirectories(cache());
      // Two builds at once must not install the same thing.
      try (FileChannel channel =
              FileChannel.open(
                  cache().resolve("install.lock"),
                  StandardOpenOption.CREATE,
                  StandardOpenOption.WRITE);
          FileLock lock = channel.lock()) {
        return lock.isValid() && program.find().isPresent()
            ? Optional.empty()
            : run(program, root.get());
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return Optional.of(program.missing());
    }
  }

  private static Optional<String> run(Program program, Path root)
      throws IOException, InterruptedException {
    Path log = Files.createTempFile("whimbrel-install", ".log");
    System.err.println("Installing what is missing: " + String.join(" ", program.script()));
    int exit =
        new ProcessBuilder(program.script())
            .directory(root.toFile())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start()
            .waitFor();
    List<String> said = Files.readAllLines(log).stream().filter(line -> !line.isBlank()).toList();
    Files.delete(log);
    if (exit == 0 && program.find().isPresent()) {
      return Optional.empty();
    }
    return Optional.of(said.isEmpty() ? program.missing() : said.get(said.size() - 1));
  }

  /** The checkout that this process works in; none where only the jars are. */
  private static Optional<Path> repository() {
    Path up = Path.of("").toAbsolutePath();
    while (up != null && !Files.isExecutable(up.resolve("deploy/dev/install"))) {
      up = up.getParent();
    }
    return Optional.ofNullable(up);
  }
}
