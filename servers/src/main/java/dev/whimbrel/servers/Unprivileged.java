package dev.whimbrel.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.UserPrincipal;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Whom a server runs as. PostgreSQL and PgBouncer refuse to run as root, so that root hands them to
 * {@code nobody}; anyone else runs them as himself.
 */
final class Unprivileged {
  private static final String NOBODY = "65534";
  private static final boolean ROOT = isRoot();

  private Unprivileged() {}

  /** The command that runs {@code command} without root's rights; unchanged when not root. */
  static List<String> command(List<String> command) {
    if (!ROOT) {
      return command;
    }
    List<String> all =
        new ArrayList<>(
            List.of("setpriv", "--reuid=" + NOBODY, "--regid=" + NOBODY, "--clear-groups"));
    all.addAll(command);
    return all;
  }

  /** Gives a path, and everything below it, to the user of {@link #command}. */
  static void own(Path path) {
    if (!ROOT) {
      return;
    }
    try (Stream<Path> below = Files.walk(path)) {
      UserPrincipal nobody =
          path.getFileSystem().getUserPrincipalLookupService().lookupPrincipalByName(NOBODY);
      for (Path each : below.toList()) {
        Files.setOwner(each, nobody);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static boolean isRootUser() {
    return ROOT;
  }

  private static boolean isRoot() {
    try {
      return Files.getAttribute(Path.of("/proc/self"), "unix:uid").equals(0);
    } catch (IOException | UnsupportedOperationException e) {
      return "root".equals(System.getProperty("user.name"));
    }
  }
}
