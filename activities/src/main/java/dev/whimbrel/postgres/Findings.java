package dev.whimbrel.postgres;

import dev.whimbrel.activity.Finding;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Collects what the checks have to say. */
final class Findings {
  private final List<Finding> all = new ArrayList<>();

  void blocker(String check, String subject, String message, @Nullable String fix) {
    all.add(new Finding(Finding.Level.BLOCKER, check, subject, message, fix));
  }

  void warning(String check, String subject, String message, @Nullable String fix) {
    all.add(new Finding(Finding.Level.WARNING, check, subject, message, fix));
  }

  void note(String check, String subject, String message) {
    all.add(new Finding(Finding.Level.NOTE, check, subject, message, null));
  }

  /** A note with what could be done about it, which nothing depends on. */
  void advice(String check, String subject, String message, @Nullable String how) {
    all.add(new Finding(Finding.Level.NOTE, check, subject, message, how));
  }

  void add(Findings others) {
    all.addAll(others.all);
  }

  /** Gravest first; those of one level in the order in which they were found. */
  List<Finding> gravestFirst() {
    return all.stream().sorted(Comparator.comparing(Finding::level)).toList();
  }
}
