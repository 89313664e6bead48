package dev.whimbrel.lab;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** The files of this repository, for tests that keep the documents true. */
final class Repository {
  private static final List<String> MODULES =
      List.of("workflows", "servers", "activities", "worker", "starter", "lab");

  private final Path root;

  private Repository(Path root) {
    this.root = root;
  }

  /** The repository that the tests run in. */
  static Repository here() {
    Path directory = Path.of("").toAbsolutePath();
    while (!Files.exists(directory.resolve("docs/pitfalls.md"))) {
      Path parent = directory.getParent();
      if (parent == null) {
        throw new IllegalStateException("docs/pitfalls.md is in no directory above this one");
      }
      directory = parent;
    }
    return new Repository(directory);
  }

  Path path(String relative) {
    return root.resolve(relative);
  }

  String text(String relative) {
    return text(path(relative));
  }

  static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** README and everything in Markdown below {@code docs} and {@code deploy}. */
  List<Path> documents() {
    return Stream.concat(
            Stream.of(path("README.md")),
            Stream.concat(files("docs", ".md"), files("deploy", ".md")))
        .toList();
  }

  /** The text of every Java source, by the name of its class. */
  Map<String, String> sources() {
    Map<String, String> sources = new TreeMap<>();
    for (String module : MODULES) {
      files(module + "/src", ".java")
          .forEach(
              file ->
                  sources.merge(
                      String.valueOf(file.getFileName()).replaceFirst("\\.java$", ""),
                      text(file),
                      String::concat));
    }
    return sources;
  }

  private Stream<Path> files(String below, String ending) {
    Path directory = path(below);
    if (!Files.isDirectory(directory)) {
      return Stream.of();
    }
    try (Stream<Path> files = Files.walk(directory)) {
      return files.filter(file -> file.toString().endsWith(ending)).toList().stream();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
