package dev.whimbrel.traffic;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The text of a {@code haproxy.cfg}: the weights of one backend's servers. Everything else is kept
 * byte for byte, line ends included. Pure.
 */
final class HaproxyConfig {
  /** Words that begin a section; whatever else a line begins with belongs to the section. */
  private static final Set<String> SECTIONS =
      Set.of(
          "global",
          "defaults",
          "frontend",
          "backend",
          "listen",
          "peers",
          "resolvers",
          "userlist",
          "mailers",
          "cache",
          "program",
          "http-errors",
          "ring",
          "fcgi-app",
          "log-forward",
          "crt-store",
          "traces",
          "acme",
          "log-profile");

  private static final Pattern LINES = Pattern.compile("[^\n]*\n|[^\n]+");

  /** A word, quoted in part or escaped; a comment begins no word. */
  private static final Pattern WORD =
      Pattern.compile(
          "(?:\"(?:\\\\.|[^\"\\\\])*\"|'[^']*'|\\\\.|[^\\s\"'\\\\#])+|#.*", Pattern.DOTALL);

  private final String text;
  private final String backend;

  HaproxyConfig(String text, String backend) {
    this.text = text;
    this.backend = backend;
  }

  /** The text itself. */
  String text() {
    return text;
  }

  /** The weights that the backend's servers come up with. */
  Map<String, Integer> weights() {
    Map<String, Integer> weights = new LinkedHashMap<>();
    int inherited = 1;
    int usual = 1;
    boolean defaults = false;
    boolean inside = false;
    for (String line : lines()) {
      List<Word> words = words(line);
      if (words.isEmpty()) {
        continue;
      }
      String first = words.get(0).text();
      if (SECTIONS.contains(first)) {
        defaults = first.equals("defaults");
        inherited = defaults ? 1 : inherited;
        inside = isBackend(words);
        usual = inherited;
      } else if (first.equals("default-server")) {
        Word weight = weight(words, 1);
        usual = weight == null ? usual : Integer.parseInt(weight.text());
        inherited = defaults ? usual : inherited;
      } else if (inside && isServer(words)) {
        Word weight = weight(words, 3);
        weights.put(words.get(1).text(), weight == null ? usual : Integer.parseInt(weight.text()));
      }
    }
    return weights;
  }

  /** The same text with other weights of some of the backend's servers. */
  HaproxyConfig with(Map<String, Integer> weights) {
    StringBuilder changed = new StringBuilder();
    boolean inside = false;
    for (String line : lines()) {
      List<Word> words = words(line);
      if (!words.isEmpty() && SECTIONS.contains(words.get(0).text())) {
        inside = isBackend(words);
      }
      Integer wanted = inside && isServer(words) ? weights.get(words.get(1).text()) : null;
      changed.append(wanted == null ? line : withWeight(line, words, wanted));
    }
    return new HaproxyConfig(changed.toString(), backend);
  }

  private static String withWeight(String line, List<Word> words, int wanted) {
    Word weight = weight(words, 3);
    if (weight != null) {
      return line.substring(0, weight.from()) + wanted + line.substring(weight.to());
    }
    int end = words.get(words.size() - 1).to();
    return line.substring(0, end) + " weight " + wanted + line.substring(end);
  }

  private boolean isBackend(List<Word> words) {
    String first = words.get(0).text();
    return (first.equals("backend") || first.equals("listen"))
        && words.size() > 1
        && words.get(1).text().equals(backend);
  }

  private static boolean isServer(List<Word> words) {
    return words.size() > 2 && words.get(0).text().equals("server");
  }

  /** The figure behind the last {@code weight}: where it stands twice, the last one counts. */
  private static @Nullable Word weight(List<Word> words, int from) {
    for (int i = words.size() - 2; i >= from; i--) {
      if (words.get(i).text().equals("weight") && words.get(i + 1).text().matches("\\d{1,3}")) {
        return words.get(i + 1);
      }
    }
    return null;
  }

  private List<String> lines() {
    List<String> lines = new ArrayList<>();
    Matcher line = LINES.matcher(text);
    while (line.find()) {
      lines.add(line.group());
    }
    return lines;
  }

  private static List<Word> words(String line) {
    List<Word> words = new ArrayList<>();
    Matcher word = WORD.matcher(line);
    while (word.find() && !word.group().startsWith("#")) {
      words.add(new Word(word.group().replaceAll("[\"'\\\\]", ""), word.start(), word.end()));
    }
    return words;
  }

  /** A word of a line, without its quotes, and where it stands. */
  private record Word(String text, int from, int to) {}
}
