package dev.whimbrel.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Stream;
import java.util.zip.CRC32C;

/**
 * A cluster that {@code initdb} made once, and its copies. Each copy gets a system identifier of
 * its own, as two clusters in the world have.
 */
final class PostgresTemplate {
  private static final Duration LIMIT = Duration.ofMinutes(1);

  /** Where a segment's first page keeps the system identifier, since PostgreSQL 9.3. */
  private static final int WAL_SYSTEM_IDENTIFIER = 24;

  private PostgresTemplate() {}

  /**
   * Makes a fresh cluster in {@code directory/data}: superuser {@code postgres}, UTF-8, locale C,
   * checksums on.
   */
  static void copyTo(Path home, Path directory) {
    Path data = directory.resolve("data");
    Path template = Directories.cache().resolve(home.getFileName() + "-template");
    if (!Files.isDirectory(template)) {
      Directories.locked("template-" + home.getFileName(), () -> create(home, template));
    }
    ChildProcess.run(
        Unprivileged.command(
            List.of("cp", "-R", "--preserve=mode", template + "/data", data.toString())),
        directory,
        LIMIT);
    try {
      renameSystem(data);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Path create(Path home, Path template) {
    if (Files.isDirectory(template)) {
      return template;
    }
    Path part = Directories.temporary("initdb");
    Path ready = template.resolveSibling(template.getFileName() + ".part");
    try {
      ChildProcess.run(
          Unprivileged.command(
              List.of(
                  home.resolve("bin/initdb").toString(),
                  "--pgdata=" + part.resolve("data"),
                  "--username=postgres",
                  "--auth=trust",
                  "--encoding=UTF8",
                  "--locale=C",
                  "--data-checksums",
                  "--no-sync")),
          part,
          LIMIT);
      // The temporary directory may be on another file system, where a move is not atomic.
      Directories.delete(ready);
      Files.createDirectory(ready);
      Unprivileged.own(ready);
      ChildProcess.run(
          Unprivileged.command(
              List.of("cp", "-R", "--preserve=mode", part + "/data", ready + "/data")),
          ready,
          LIMIT);
      Files.move(ready, template, StandardCopyOption.ATOMIC_MOVE);
      return template;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } finally {
      Directories.delete(part);
    }
  }

  private static void renameSystem(Path data) throws IOException {
    long identifier = ThreadLocalRandom.current().nextLong(1L << 60, 1L << 62);
    Path control = data.resolve("global/pg_control");
    byte[] content = Files.readAllBytes(control);
    ByteBuffer bytes = ByteBuffer.wrap(content).order(ByteOrder.nativeOrder());
    int crcAt = checksumOffset(bytes);
    bytes.putLong(0, identifier);
    bytes.putInt(crcAt, checksum(bytes, crcAt));
    Files.write(control, content, StandardOpenOption.WRITE);
    try (Stream<Path> wal = Files.list(data.resolve("pg_wal"))) {
      for (Path segment : wal.filter(Files::isRegularFile).toList()) {
        try (FileChannel channel = FileChannel.open(segment, StandardOpenOption.WRITE)) {
          ByteBuffer value = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.nativeOrder());
          channel.write(value.putLong(0, identifier), WAL_SYSTEM_IDENTIFIER);
        }
      }
    }
  }

  /** The control data end with their CRC-32C; how long they are differs from version to version. */
  private static int checksumOffset(ByteBuffer control) {
    for (int at = 64; at < 1024; at += 4) {
      if (control.getInt(at) == checksum(control, at)) {
        return at;
      }
    }
    throw new IllegalStateException("Cannot find the checksum in pg_control");
  }

  private static int checksum(ByteBuffer control, int length) {
    CRC32C crc = new CRC32C();
    crc.update(control.slice(0, length));
    return (int) crc.getValue();
  }
}
