package dev.whimbrel.cli;

import dev.whimbrel.runbook.InvalidRunbook;
import dev.whimbrel.runbook.Runbook;
import dev.whimbrel.runbook.RunbookFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.stream.Collectors;

/**
 * A runbook read from a file.
 *
 * @param file where it stands
 * @param runbook the move
 * @param hash SHA-256 of the file, hexadecimal
 */
record RunbookSource(Path file, Runbook runbook, String hash) {

  /**
   * Reads a runbook.
   *
   * @throws CannotDo with exit code 2 and every mistake of the file
   */
  static RunbookSource read(Path file) {
    try {
      byte[] bytes = Files.readAllBytes(file);
      return new RunbookSource(
          file, RunbookFile.parse(new String(bytes, StandardCharsets.UTF_8)), sha256(bytes));
    } catch (InvalidRunbook e) {
      String mistakes =
          e.errors().stream()
              .map(error -> error.located(file.toString()))
              .collect(Collectors.joining("\n"));
      throw new CannotDo(
          ExitCode.USAGE, mistakes + "\n" + Words.plural(e.errors().size(), "mistake") + ".");
    } catch (NoSuchFileException e) {
      throw new CannotDo(
          ExitCode.USAGE,
          "There is no file "
              + file
              + ". Fix: `whimbrel init "
              + file
              + "` writes one to begin with.");
    } catch (IOException e) {
      throw new CannotDo(ExitCode.USAGE, "Cannot read " + file + ": " + e.getMessage());
    }
  }

  private static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }
}
