package dev.whimbrel.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Comparator;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.Stream;

/** Where servers keep what they need: a cache that outlives runs, and directories that do not. */
final class Directories {
  private static final Object IN_THIS_JVM = new Object();

  private Directories() {}

  /**
   * The cache: {@code /var/cache/whimbrel} for root (its servers run as another user and must be
   * able to read it), else {@code $XDG_CACHE_HOME/whimbrel} or {@code ~/.cache/whimbrel}.
   */
  static Path cache() {
    Path cache;
    String xdg = System.getenv("XDG_CACHE_HOME");
    if (Unprivileged.isRootUser()) {
      cache = Path.of("/var/cache/whimbrel");
    } else if (xdg != null && !xdg.isBlank()) {
      cache = Path.of(xdg, "whimbrel");
    } else {
      cache = Path.of(System.getProperty("user.home"), ".cache", "whimbrel");
    }
    try {
      return Files.createDirectories(cache);
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot create the cache directory " + cache, e);
    }
  }

  /** Runs {@code work} while no other process or thread works under the same name. */
  static <T> T locked(String name, Supplier<T> work) {
    synchronized (IN_THIS_JVM) {
      try (FileChannel channel =
              FileChannel.open(
                  cache().resolve(name + ".lock"),
                  StandardOpenOption.CREATE,
                  StandardOpenOption.WRITE);
          FileLock lock = channel.lock()) {
        if (!lock.isValid()) {
          throw new IllegalStateException("Cannot lock " + name);
        }
        return work.get();
      } catch (IOException e) {
        throw new UncheckedIOException("Cannot lock " + name, e);
      }
    }
  }

  /** A new directory that belongs to the unprivileged user. The caller deletes it. */
  static Path temporary(String prefix) {
    try {
      Path directory = Files.createTempDirectory("whimbrel-" + prefix + "-");
      Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
      Unprivileged.own(directory);
      return directory;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Deletes a directory with everything in it; one that is gone is fine. */
  static void delete(Path directory) {
    if (!Files.exists(directory)) {
      return;
    }
    try (Stream<Path> below = Files.walk(directory)) {
      List<Path> deepestFirst = below.sorted(Comparator.reverseOrder()).toList();
      for (Path each : deepestFirst) {
        Files.deleteIfExists(each);
      }
    } catch (NoSuchFileException e) {
      // A process that is about to end has removed a file of its own between two looks.
      delete(directory);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
