package dev.whimbrel.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Keeps {@code docs/pitfalls.md} true. */
class PitfallsTableTest {
  private static final Pattern CLASS_OR_METHOD =
      Pattern.compile("`([A-Z][A-Za-z0-9]+)(?:#([a-z][A-Za-z0-9]*))?`");
  private static final Pattern FINDING = Pattern.compile("`check:([a-z-]+)`");

  private final Repository repository = Repository.here();
  private final Map<String, String> sources = repository.sources();
  private final List<Row> rows = rows();

  private record Row(String pitfall, String what, String where) {}

  @Test
  void everyPitfallOfTheCollectionHasItsRow() throws IOException {
    List<String> collection = collection();

    assertThat(collection).hasSize(42);
    for (String firstWords : collection) {
      assertThat(rows.stream().filter(row -> plain(row.pitfall()).startsWith(plain(firstWords))))
          .as(firstWords)
          .hasSize(1);
    }
    assertThat(rows).hasSameSizeAs(collection);
  }

  @Test
  void everyClassAndMethodThatIsNamedExists() {
    List<String> missing = new ArrayList<>();
    for (Row row : rows) {
      Matcher named = CLASS_OR_METHOD.matcher(row.where());
      while (named.find()) {
        String source = sources.get(named.group(1));
        String method = named.group(2);
        if (source == null || (method != null && !source.contains(" " + method + "("))) {
          missing.add(named.group());
        }
      }
    }

    assertThat(missing).isEmpty();
  }

  @Test
  void everyFindingThatIsNamedExists() {
    StringBuilder checks = new StringBuilder();
    sources.forEach(
        (name, source) -> {
          if (name.endsWith("Checks")) {
            checks.append(source);
          }
        });
    List<String> missing = new ArrayList<>();
    for (Row row : rows) {
      Matcher named = FINDING.matcher(row.where());
      while (named.find()) {
        if (checks.indexOf("\"" + named.group(1) + "\"") < 0) {
          missing.add(named.group());
        }
      }
    }

    assertThat(missing).isEmpty();
  }

  @Test
  void everyRowIsCheckedOrSaysWhyNotYet() {
    assertThat(rows)
        .allMatch(
            row ->
                CLASS_OR_METHOD.matcher(row.where()).find()
                    || FINDING.matcher(row.where()).find()
                    || row.what().contains("**not yet**"));
  }

  private List<Row> rows() {
    List<Row> found = new ArrayList<>();
    for (String line : repository.text("docs/pitfalls.md").lines().toList()) {
      if (!line.startsWith("| ") || line.startsWith("| pitfall |")) {
        continue;
      }
      String[] cells = line.substring(1, line.length() - 1).split(" \\|", -1);
      assertThat(cells).as(line).hasSize(3);
      found.add(new Row(cells[0].strip(), cells[1].strip(), cells[2].strip()));
    }
    return found;
  }

  private static List<String> collection() throws IOException {
    try (InputStream words =
        Objects.requireNonNull(PitfallsTableTest.class.getResourceAsStream("pitfalls.txt"))) {
      return new String(words.readAllBytes(), StandardCharsets.UTF_8).lines().toList();
    }
  }

  private static String plain(String text) {
    return text.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9_ ]", "").strip();
  }
}
