package dev.whimbrel.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Keeps the commands and links of the documents true. */
class DocumentsTest {
  /** Inside code, so that prose about a whimbrel is not taken for a command. */
  private static final Pattern COMMAND =
      Pattern.compile("(?:^|`|\\./|\\$ |: )whimbrel ([a-z]+)((?: [^`\\n]*)?)", Pattern.MULTILINE);

  private static final Pattern CODE = Pattern.compile("```.*?```|`[^`\\n]+`", Pattern.DOTALL);
  private static final Pattern OPTION = Pattern.compile("(?<=\\s)--[a-z][a-z-]+");
  private static final Pattern VERB = Pattern.compile("@Command\\(\\s*name = \"([a-z]+)\"");
  private static final Pattern LINK = Pattern.compile("\\]\\(([^)#:\\s]+)(?:#[^)]*)?\\)");

  private final Repository repository = Repository.here();
  private final Map<String, String> sources = repository.sources();

  @Test
  void everyCommandThatIsNamedIsAVerb() {
    Set<String> verbs = verbs();
    List<String> unknown = new ArrayList<>();
    forEachCommand(
        (document, verb, rest) -> {
          if (!verbs.contains(verb)) {
            unknown.add(document + ": whimbrel " + verb);
          }
        });

    assertThat(verbs).contains("plan", "start", "rollback", "inspect");
    assertThat(unknown).isEmpty();
  }

  @Test
  void everyOptionThatIsNamedExists() {
    String all = String.join("\n", sources.values());
    List<String> unknown = new ArrayList<>();
    forEachCommand(
        (document, verb, rest) -> {
          Matcher option = OPTION.matcher(rest);
          while (option.find()) {
            if (!all.contains(option.group())) {
              unknown.add(document + ": whimbrel " + verb + " " + option.group());
            }
          }
        });

    assertThat(unknown).isEmpty();
  }

  @Test
  void everyLinkLeadsToAFile() {
    List<String> broken = new ArrayList<>();
    for (Path document : repository.documents()) {
      Matcher link = LINK.matcher(Repository.text(document));
      while (link.find()) {
        if (!Files.exists(document.resolveSibling(link.group(1)))) {
          broken.add(document.getFileName() + ": " + link.group(1));
        }
      }
    }

    assertThat(broken).isEmpty();
  }

  @Test
  void theTestCommandOfTheReadmeIsTheOneThatIsRun() {
    assertThat(repository.text("README.md")).contains("mvn verify");
    assertThat(repository.text(".ci/run")).containsPattern("mvn [^\\n]*verify");
  }

  @Test
  void everyStepThatOperationsNameExists() {
    String steps = sources.get("Step");
    Matcher named =
        Pattern.compile(
                "`((?:prepare|replicate|validate|cutover|decommission|rollback)\\.[a-z-]+)`")
            .matcher(repository.text("docs/operations.md"));
    List<String> unknown = new ArrayList<>();
    int found = 0;
    while (named.find()) {
      found++;
      if (steps == null || !steps.contains("\"" + named.group(1) + "\"")) {
        unknown.add(named.group(1));
      }
    }

    assertThat(found).isGreaterThan(20);
    assertThat(unknown).isEmpty();
  }

  private interface Command {
    void named(Path document, String verb, String rest);
  }

  private void forEachCommand(Command command) {
    for (Path document : repository.documents()) {
      Matcher code = CODE.matcher(Repository.text(document));
      while (code.find()) {
        Matcher named = COMMAND.matcher(code.group());
        while (named.find()) {
          command.named(document.getFileName(), named.group(1), " " + named.group(2));
        }
      }
    }
  }

  private Set<String> verbs() {
    Set<String> verbs = new TreeSet<>();
    sources.forEach(
        (name, source) -> {
          Matcher verb = VERB.matcher(source);
          while (verb.find()) {
            verbs.add(verb.group(1));
          }
        });
    return verbs;
  }
}
