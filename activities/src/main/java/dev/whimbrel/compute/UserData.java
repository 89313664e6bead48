package dev.whimbrel.compute;

import dev.whimbrel.activity.Failures;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Optional;

/**
 * What a machine is given to read at its first start: a file on every worker.
 *
 * @param machine the machine's name in the runbook
 * @param file where the file is
 * @param longest how many bytes the cloud takes, before their encoding
 */
public record UserData(String machine, String file, int longest) {

  /**
   * The file's content as clouds want it, in Base64.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} if it cannot be read or is too
   *     long
   */
  public String encoded() {
    try {
      byte[] data = Files.readAllBytes(Path.of(file));
      if (data.length > longest) {
        throw Failures.needsHelp(
            "%s: expected user data of at most %d bytes, found %d in %s"
                .formatted(machine, longest, data.length, file),
            "let it fetch the rest itself",
            null);
      }
      return Base64.getEncoder().encodeToString(data);
    } catch (IOException e) {
      throw Failures.needsHelp(
          machine + ": " + missing(), "put the file onto every worker, then retry", null);
    }
  }

  /** Why the file cannot be read on this worker, in words. */
  public Optional<String> unreadable() {
    return Files.isReadable(Path.of(file)) ? Optional.empty() : Optional.of(missing());
  }

  private String missing() {
    return "expected user data in %s on this worker, found no file that can be read"
        .formatted(file);
  }
}
