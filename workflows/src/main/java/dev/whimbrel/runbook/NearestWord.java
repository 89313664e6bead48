package dev.whimbrel.runbook;

import java.util.Collection;
import java.util.Comparator;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Finds the valid word that somebody most likely meant. */
public final class NearestWord {
  private NearestWord() {}

  /** The nearest of the words, or null when none is near enough to be meant. */
  public static @Nullable String of(String written, Collection<String> words) {
    return words.stream()
        .filter(word -> distance(fold(written), fold(word)) <= allowed(written, word))
        .min(Comparator.comparingInt(word -> distance(fold(written), fold(word))))
        .orElse(null);
  }

  private static int allowed(String written, String word) {
    return Math.max(1, Math.min(written.length(), word.length()) / 3);
  }

  /** {@code max_lag}, {@code max-lag} and {@code maxLag} are meant alike. */
  private static String fold(String word) {
    return word.toLowerCase(Locale.ROOT).replaceAll("[-_ ]", "");
  }

  /** Damerau-Levenshtein: insertions, deletions, substitutions, swapped neighbours. */
  static int distance(String a, String b) {
    int[][] d = new int[a.length() + 1][b.length() + 1];
    for (int i = 0; i <= a.length(); i++) {
      d[i][0] = i;
    }
    for (int j = 0; j <= b.length(); j++) {
      d[0][j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      for (int j = 1; j <= b.length(); j++) {
        int change = a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1;
        d[i][j] = Math.min(Math.min(d[i - 1][j] + 1, d[i][j - 1] + 1), d[i - 1][j - 1] + change);
        boolean swapped =
            i > 1
                && j > 1
                && a.charAt(i - 1) == b.charAt(j - 2)
                && a.charAt(i - 2) == b.charAt(j - 1);
        if (swapped) {
          d[i][j] = Math.min(d[i][j], d[i - 2][j - 2] + 1);
        }
      }
    }
    return d[a.length()][b.length()];
  }
}
