package dev.whimbrel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Failures;
import io.temporal.failure.ApplicationFailure;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Rows of docs/provider-faults.md, made by the tests of one provider: what went wrong with which
 * call, what became of it, and what is printed. With {@code -Dwhimbrel.docs=write} they are written
 * into the document; otherwise {@link #check} fails where the document says something else.
 */
public final class FaultTable {
  private static final Object ONE_WRITER = new Object();
  private static final String HEAD =
      """
      # What becomes of faults

      Each row was made by a test: the call in the first column went wrong as the second says, in the middle of a step, against
      a stand-in that is as strict as the real service. Afterwards the step ran again without the fault, and the way back was
      taken: every time names and weights were as found, to the last byte, each machine and snapshot was made once, nothing of
      the migration's was left, and bystanders were untouched.

      Stopping and ending the source's machines lies behind the point of no return and has no way back; a plan and a list of
      costs have none to take. What was adopted is left as it is.

      At Azure and Route 53 a call that any test makes and that has no rows here fails that test.
      """;

  private final String section;
  private final String title;
  private final Map<String, String> hidden = new LinkedHashMap<>();
  private final List<String> rows = new ArrayList<>();

  /**
   * The table of one provider.
   *
   * @param section the name of its markers in the document, such as {@code route53}
   * @param title its heading
   */
  public FaultTable(String section, String title) {
    this.section = section;
    this.title = title;
  }

  /** Writes something else for what differs at each run, such as a port. */
  public FaultTable hiding(String regex, String instead) {
    hidden.put(regex, instead);
    return this;
  }

  /**
   * Adds a row.
   *
   * @param operation the call
   * @param fault what went wrong with it
   * @param happened what became of the step and of the world
   * @param printed what a person reads; empty where the step went on by itself
   */
  public void row(String operation, String fault, String happened, String printed) {
    rows.add(
        "| %s | %s | %s | %s |"
            .formatted(cell(operation), cell(fault), cell(happened), cell(hide(printed))));
  }

  /**
   * Adds the row of a step that went on, or failed as it may: with one of the two kinds that go on
   * by themselves or park, and with words that say what to do.
   */
  public void row(String operation, String fault, Optional<ApplicationFailure> failure) {
    if (failure.isEmpty()) {
      row(operation, fault, "goes on by itself", "");
      return;
    }
    ApplicationFailure met = failure.get();
    assertThat(met.getCause()).isNull();
    if (met.getType().equals(Failures.TRANSIENT)) {
      row(operation, fault, "tried again by itself", met.getOriginalMessage());
      return;
    }
    assertThat(met.getType()).as(met.getMessage()).isEqualTo(Failures.NEEDS_HELP);
    Failures.Help help = met.getDetails().get(Failures.Help.class);
    assertThat(help.remedy()).isNotBlank();
    String command = help.command() == null ? "" : ": `" + help.command() + "`";
    row(
        operation,
        fault,
        "parks; then `retry`",
        help.cause() + ". Fix: " + help.remedy() + command);
  }

  /** How a step fails; empty where it does not. */
  public static Optional<ApplicationFailure> failure(Runnable step) {
    try {
      step.run();
      return Optional.empty();
    } catch (ApplicationFailure e) {
      return Optional.of(e);
    }
  }

  /** Writes the rows, or holds them against the document. To be called when all are there. */
  public void check() {
    Path document = root().resolve("docs/provider-faults.md");
    String wanted = marker(false) + "\n" + table() + marker(true) + "\n";
    synchronized (ONE_WRITER) {
      String before = Files.exists(document) ? read(document) : HEAD;
      int begin = before.indexOf(marker(false));
      int end = before.indexOf(marker(true));
      String section =
          begin < 0 || end < begin
              ? ""
              : before.substring(begin, end + marker(true).length()) + "\n";
      if (isWriting()) {
        write(
            document, section.isEmpty() ? before + "\n" + wanted : before.replace(section, wanted));
        return;
      }
      assertThat(section)
          .as("docs/provider-faults.md is old: run this test with -Dwhimbrel.docs=write")
          .isEqualTo(wanted);
    }
  }

  /**
   * Makes sure that each of these calls has rows, so that none is made whose faults nobody has
   * seen.
   *
   * @param calls as the first column names them, in any case
   * @param sections the names of the tables' markers
   */
  public static void requireRows(Collection<String> calls, String... sections) {
    if (isWriting()) {
      return; // the rows may be on their way
    }
    Set<String> rows = Stream.of(sections).flatMap(FaultTable::calls).collect(Collectors.toSet());
    assertThat(calls.stream().map(each -> each.toLowerCase(Locale.ROOT)).distinct().sorted())
        .as("calls without rows in docs/provider-faults.md: let the test of faults make them")
        .allMatch(rows::contains);
  }

  private static Stream<String> calls(String section) {
    String document = read(root().resolve("docs/provider-faults.md"));
    Pattern table =
        Pattern.compile("<!-- %1$s -->(.*)<!-- /%1$s -->".formatted(section), Pattern.DOTALL);
    Matcher found = table.matcher(document);
    assertThat(found.find()).as("section %s of docs/provider-faults.md", section).isTrue();
    return found
        .group(1)
        .lines()
        .filter(line -> line.startsWith("| "))
        .map(line -> line.split("\\|", -1)[1].strip().toLowerCase(Locale.ROOT));
  }

  private static boolean isWriting() {
    return "write".equals(System.getProperty("whimbrel.docs"));
  }

  private String table() {
    return "## %s\n\n| call | fault | what becomes of it | what is printed |\n|---|---|---|---|\n%s\n"
        .formatted(title, String.join("\n", rows));
  }

  private String marker(boolean closing) {
    return "<!-- %s%s -->".formatted(closing ? "/" : "", section);
  }

  private String hide(String text) {
    String shown = text;
    for (Map.Entry<String, String> each : hidden.entrySet()) {
      shown = shown.replaceAll(each.getKey(), each.getValue());
    }
    return shown;
  }

  private static String cell(String text) {
    return text.replace("|", "\\|").replace("\n", " ").strip();
  }

  private static Path root() {
    Path up = Path.of("").toAbsolutePath();
    while (!Files.isExecutable(up.resolve("deploy/dev/install"))) {
      up = up.getParent();
      if (up == null) {
        throw new IllegalStateException("Not in a checkout of Whimbrel");
      }
    }
    return up;
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void write(Path file, String text) {
    try {
      Files.writeString(file, text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
