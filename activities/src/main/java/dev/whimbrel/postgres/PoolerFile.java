package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.PostgresUrl;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A {@code pgbouncer.ini}: rewrites host, port and dbname of one entry; everything else stays. */
final class PoolerFile {
  private static final Logger LOG = LoggerFactory.getLogger(PoolerFile.class);

  private static final Pattern WORD = Pattern.compile("(\\w+)\\s*=\\s*('(?:[^']|'')*'|\\S*)");

  private PoolerFile() {}

  /** Fails with {@code NeedsHelp} where the file or the entry is not there or not writable. */
  static void check(String file, String database) {
    Path path = Path.of(file);
    if (!Files.isWritable(path) || !Files.isWritable(directory(path))) {
      throw Failures.needsHelp(
          "Cannot rewrite " + file + ": the worker may not write it or its directory",
          "give the worker the right, or use switch: {command: …}",
          null);
    }
    rewritten(read(path), file, database, "h", 1, "d");
  }

  /**
   * Writes what {@link #point} will put in place, beside the file: on disk already, so that
   * pointing is a renaming.
   *
   * @param side names what is written, so that an attempt to the other side leaves it alone
   */
  static void stage(String file, Side side, String database, PostgresUrl to) {
    Path path = Path.of(file);
    Path fresh = path.resolveSibling(path.getFileName() + ".whimbrel");
    try {
      Files.deleteIfExists(fresh);
      // A copy first, for owner and mode: the pooler must be able to read what replaces its file.
      Files.copy(path, fresh, StandardCopyOption.COPY_ATTRIBUTES);
      try {
        Files.setAttribute(fresh, "unix:uid", Files.getAttribute(path, "unix:uid"));
        Files.setAttribute(fresh, "unix:gid", Files.getAttribute(path, "unix:gid"));
      } catch (IOException | UnsupportedOperationException e) {
        // Not root: the file is the worker's own.
      }
      Files.write(
          fresh,
          pointed(path, database, to),
          StandardOpenOption.TRUNCATE_EXISTING,
          StandardOpenOption.SYNC);
      replace(fresh, staged(path, side));
    } catch (IOException e) {
      throw cannotRewrite(file, e);
    }
  }

  /** Points the entry elsewhere in one atomic step. Again is harmless. */
  static void point(String file, Side side, String database, PostgresUrl to) {
    Path path = Path.of(file);
    Path staged = staged(path, side);
    try {
      // Somebody may have changed the file since it was staged.
      if (!Files.exists(staged) || !read(staged).equals(pointed(path, database, to))) {
        stage(file, side, database, to);
      }
      replace(staged, path);
    } catch (IOException e) {
      throw cannotRewrite(file, e);
    }
  }

  /** Removes what was staged and not put in place. */
  static void unstage(String file, Side side) {
    try {
      Files.deleteIfExists(staged(Path.of(file), side));
    } catch (IOException e) {
      LOG.warn("{} stays behind: {}", staged(Path.of(file), side), e.getClass().getSimpleName());
    }
  }

  private static Path staged(Path path, Side side) {
    return path.resolveSibling(path.getFileName() + ".whimbrel-" + side.word());
  }

  private static void replace(Path from, Path to) throws IOException {
    Files.move(from, to, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  private static List<String> pointed(Path path, String database, PostgresUrl to) {
    return rewritten(read(path), path.toString(), database, to.host(), to.port(), to.database());
  }

  private static RuntimeException cannotRewrite(String file, IOException e) {
    return Failures.needsHelp(
        "Cannot rewrite " + file + ": " + e.getClass().getSimpleName(),
        "give the worker the right to write it, then retry",
        null);
  }

  /** The lines with the entry pointed elsewhere. */
  static List<String> rewritten(
      List<String> lines, String file, String database, String host, int port, String dbname) {
    List<String> out = new ArrayList<>();
    boolean inside = false;
    boolean found = false;
    for (String line : lines) {
      String trimmed = line.trim();
      if (trimmed.startsWith("[")) {
        inside = trimmed.toLowerCase(Locale.ROOT).startsWith("[databases]");
      }
      int equals = line.indexOf('=');
      if (inside && equals > 0 && !trimmed.startsWith(";") && !trimmed.startsWith("#")) {
        String name = line.substring(0, equals).trim();
        if (name.equals(database) || name.equals('"' + database + '"')) {
          found = true;
          out.add(
              line.substring(0, equals)
                  + "= "
                  + entry(line.substring(equals + 1), host, port, dbname));
          continue;
        }
      }
      out.add(line);
    }
    if (!found) {
      throw Failures.needsHelp(
          "There is no entry " + database + " under [databases] in " + file,
          "name the entry that clients use",
          null);
    }
    return out;
  }

  private static String entry(String words, String host, int port, String dbname) {
    StringBuilder kept = new StringBuilder();
    Matcher word = WORD.matcher(words);
    while (word.find()) {
      String key = word.group(1);
      if (!key.equals("host") && !key.equals("port") && !key.equals("dbname")) {
        kept.append(' ').append(word.group());
      }
    }
    return "host=" + host + " port=" + port + " dbname=" + dbname + kept;
  }

  private static List<String> read(Path path) {
    try {
      return Files.readAllLines(path);
    } catch (IOException e) {
      throw Failures.needsHelp(
          "Cannot read " + path + ": " + e.getClass().getSimpleName(),
          "give the worker the right to read it",
          null);
    }
  }

  private static Path directory(Path path) {
    Path parent = path.toAbsolutePath().getParent();
    return parent == null ? path.toAbsolutePath() : parent;
  }
}
