package dev.whimbrel.cli;

import dev.whimbrel.runbook.InvalidRunbook;
import dev.whimbrel.runbook.QueryFile;
import dev.whimbrel.runbook.QuerySpec;
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
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * A runbook read from a file.
 *
 * @param file where it stands
 * @param runbook the move
 * @param hash SHA-256 of the file, hexadecimal
 * @param queries what stands in the file that it names under {@code validate.queries}
 */
record RunbookSource(Path file, Runbook runbook, String hash, List<QuerySpec> queries) {

  /**
   * Reads a runbook.
   *
   * @throws CannotDo with exit code 2 and every mistake of the file
   */
  static RunbookSource read(Path file) {
    return read(file, RunbookFile::parse, RunbookSource::queries);
  }

  /** As {@link #read(Path)}, for whoever is about to write the file of queries. */
  static RunbookSource withoutQueries(Path file) {
    return read(file, RunbookFile::parse, (path, runbook) -> List.of());
  }

  /** As {@link #read(Path)}, for a clone: name, source and target are enough. */
  static RunbookSource readForClone(Path file) {
    return read(file, RunbookFile::parseForClone, (path, runbook) -> List.of());
  }

  private static RunbookSource read(
      Path file,
      Function<String, Runbook> parser,
      BiFunction<Path, Runbook, List<QuerySpec>> queries) {
    try {
      byte[] bytes = Files.readAllBytes(file);
      Runbook runbook = parser.apply(new String(bytes, StandardCharsets.UTF_8));
      return new RunbookSource(file, runbook, sha256(bytes), queries.apply(file, runbook));
    } catch (InvalidRunbook e) {
      throw mistakes(file, e);
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

  private static List<QuerySpec> queries(Path runbookFile, Runbook runbook) {
    String name = runbook.validate().queries();
    if (name == null) {
      return List.of();
    }
    Path file = runbookFile.resolveSibling(name);
    try {
      if (Files.size(file) > QueryFile.LONGEST) {
        throw new CannotDo(
            ExitCode.USAGE,
            file
                + ":1:1: expected at most "
                + (QueryFile.LONGEST >> 10)
                + " KB: it stands in the workflow's history.");
      }
      return QueryFile.parse(Files.readString(file));
    } catch (InvalidRunbook e) {
      throw mistakes(file, e);
    } catch (IOException e) {
      throw new CannotDo(
          ExitCode.USAGE,
          "Cannot read %s, which validate.queries of %s names: %s. `whimbrel plan %s --propose-queries FILE` writes one to begin with."
              .formatted(
                  file,
                  runbookFile,
                  e instanceof NoSuchFileException ? "there is no such file" : e.getMessage(),
                  runbookFile));
    }
  }

  private static CannotDo mistakes(Path file, InvalidRunbook invalid) {
    String mistakes =
        invalid.errors().stream()
            .map(error -> error.located(file.toString()))
            .collect(Collectors.joining("\n"));
    return new CannotDo(
        ExitCode.USAGE, mistakes + "\n" + Words.plural(invalid.errors().size(), "mistake") + ".");
  }

  private static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }
}
