package dev.whimbrel.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * Schemas of real applications, with the rows that they begin with, as {@code
 * deploy/dev/install-application-schemas} takes them out of Debian's packages.
 */
public final class ApplicationSchemas {
  private ApplicationSchemas() {}

  static Path directory() {
    return Directories.cache().resolve("application-schemas");
  }

  /** A file for {@code psql} for each, by name: {@code zabbix.sql}. */
  public static List<Path> all() {
    try (Stream<Path> files = Files.list(directory())) {
      return files.filter(file -> file.toString().endsWith(".sql")).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
