package dev.whimbrel.servers;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * A file system of a few megabytes that really fills: a tmpfs of its own, which only root may
 * mount. It belongs to the user that {@link PostgresServer} runs as.
 */
public final class SmallDisk implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofSeconds(20);
  private static final int BLOCK = 8192;

  private final Path directory;

  private SmallDisk(Path directory) {
    this.directory = directory;
  }

  /**
   * Mounts one.
   *
   * @throws IllegalStateException if this user may not
   */
  public static SmallDisk ofMegabytes(int size) {
    SmallDisk disk = new SmallDisk(Directories.temporary("disk"));
    boolean mounted = false;
    try {
      run(List.of("mount", "-t", "tmpfs", "-o", "size=" + size + "m", "whimbrel", disk.place()));
      mounted = true;
      Unprivileged.own(Files.createDirectory(disk.tablespace()));
      return disk;
    } catch (IOException e) {
      disk.close();
      throw new UncheckedIOException(e);
    } finally {
      if (!mounted) {
        Directories.delete(disk.directory);
      }
    }
  }

  /** An empty directory on it, for {@code CREATE TABLESPACE}. */
  public Path tablespace() {
    return directory.resolve("tablespace");
  }

  /** Moves a database onto it, as the tablespace {@code small}. Nobody may be connected to it. */
  public void carry(PostgresServer server, String database) {
    server.execute(
        "postgres",
        "CREATE TABLESPACE small LOCATION '" + tablespace() + "'",
        "ALTER DATABASE \"" + database + "\" SET TABLESPACE small");
  }

  /** Takes every byte that is left. */
  public void fill() {
    byte[] block = new byte[BLOCK];
    try (OutputStream ballast = Files.newOutputStream(ballast())) {
      while (true) {
        ballast.write(block);
      }
    } catch (IOException full) {
      if (directory.toFile().getUsableSpace() >= BLOCK) {
        throw new UncheckedIOException(full);
      }
    }
  }

  /** Makes it larger, and takes back what {@link #fill} took. */
  public void growToMegabytes(int size) {
    run(List.of("mount", "-o", "remount,size=" + size + "m", place()));
    try {
      Files.deleteIfExists(ballast());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private String place() {
    return directory.toString();
  }

  private Path ballast() {
    return directory.resolve("ballast");
  }

  /** Unmounts it; what stands on it is gone. The server that uses it has ended before. */
  @Override
  public void close() {
    run(List.of("umount", "--lazy", place()));
    Directories.delete(directory);
  }

  private static void run(List<String> command) {
    ChildProcess.run(command, Path.of("/"), LIMIT);
  }

  /**
   * A JUnit test that needs one. It is skipped where this user may not mount, with the reason: no
   * installation mends a kernel that refuses it.
   */
  @Target({ElementType.TYPE, ElementType.METHOD})
  @Retention(RetentionPolicy.RUNTIME)
  @ExtendWith(Condition.class)
  public @interface Needed {}

  /** Judges {@link Needed} for JUnit. */
  static final class Condition implements ExecutionCondition {
    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
      try (SmallDisk disk = ofMegabytes(1)) {
        return ConditionEvaluationResult.enabled("can mount " + disk.directory);
      } catch (IllegalStateException | UncheckedIOException e) {
        String why = "A full disk needs a tmpfs of its own. Fix: run as root, who may mount";
        return ConditionEvaluationResult.disabled(why + " (" + e.getMessage() + ")");
      }
    }
  }
}
