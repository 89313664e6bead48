package dev.whimbrel.runbook;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Reads what the records' Javadoc says about them, so that the documents cannot drift from it. */
final class RecordJavadoc {
  private static final Pattern BEFORE_RECORD =
      Pattern.compile("/\\*\\*((?:(?!\\*/).)*)\\*/\\s*public record (\\w+)\\(", Pattern.DOTALL);

  private final Map<String, String> about = new HashMap<>();
  private final Map<String, String> components = new HashMap<>();

  RecordJavadoc(Path sources) {
    try (var files = Files.list(sources)) {
      files.filter(f -> f.toString().endsWith(".java")).forEach(this::read);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  String about(Class<?> type) {
    return found(about.get(id(type)), id(type));
  }

  String of(Class<?> type, String component) {
    String key = id(type) + "." + component;
    return found(components.get(key), key);
  }

  /** {@code Runbook}, {@code DnsSpec.Route53}: several records hold one of the same simple name. */
  static String id(Class<?> type) {
    Class<?> around = type.getEnclosingClass();
    return (around == null ? "" : around.getSimpleName() + ".") + type.getSimpleName();
  }

  private void read(Path file) {
    try {
      String top = file.getFileName().toString().replaceFirst("\\.java$", "");
      Matcher matcher = BEFORE_RECORD.matcher(Files.readString(file));
      while (matcher.find()) {
        String text = matcher.group(1).replaceAll("(?m)^\\s*\\*? ?", "");
        String[] parts = text.split("(?m)^@param ", -1);
        String id = (matcher.group(2).equals(top) ? "" : top + ".") + matcher.group(2);
        about.put(id, plain(parts[0]));
        for (int i = 1; i < parts.length; i++) {
          int space = parts[i].indexOf(' ');
          String key = id + "." + parts[i].substring(0, space);
          components.put(key, plain(parts[i].substring(space + 1)));
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String plain(String javadoc) {
    String text = javadoc.replaceAll("\\s+", " ").strip();
    text = text.replaceAll("\\{@link [\\w.]*#(\\w+)\\(\\)}", "`$1`");
    text = text.replaceAll("\\{@(?:code|link) ([^}]+)}", "`$1`");
    return text;
  }

  private static String found(@Nullable String text, String key) {
    if (text == null || text.isEmpty()) {
      throw new AssertionError("Cannot document " + key + ": no Javadoc");
    }
    return text;
  }
}
