package dev.whimbrel.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.PreflightReport;
import dev.whimbrel.activity.PreflightReport.PlannedChange;
import dev.whimbrel.migration.PlanWorkflow.More;
import dev.whimbrel.runbook.InvalidRunbook;
import dev.whimbrel.runbook.Runbook;
import dev.whimbrel.runbook.RunbookFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code whimbrel plan}. */
@Command(
    name = "plan",
    description = {
      "Say what a migration would do, how long it would take and what stands in its way.",
      "Changes nothing, and measures a sample of the copy, of which nothing is left.",
      "Writes NAME.card.md: whom to ask and what to do, in order, by hand.",
      "Ends with 1 when something stands in the way, 2 when the file is not right."
    })
final class Planning extends Verb {
  @Parameters(index = "0", paramLabel = "RUNBOOK", description = "the runbook file")
  Path file = Path.of("runbook.yaml");

  @Option(names = "--offline", description = "check the file alone, without worker and databases")
  boolean offline;

  @Option(
      names = "--no-sample",
      description =
          "measure nothing: else some seconds of a copy of the largest table's rows tell how long all of it takes")
  boolean noSample;

  @Option(
      names = "--propose-queries",
      paramLabel = "FILE",
      description =
          "write the source's most expensive queries (pg_stat_statements) there, as a file for validate.queries to begin with")
  @Nullable Path proposed;

  @Option(
      names = "--card",
      paramLabel = "FILE",
      description = "where the card is written; NAME.card.md in this directory when absent")
  @Nullable Path card;

  Planning(Context context) {
    super(context);
  }

  @Override
  public Integer call() {
    RunbookSource source =
        proposed == null ? RunbookSource.read(file) : RunbookSource.withoutQueries(file);
    PreflightReport report = null;
    refuseWhatIsThere();
    if (!offline) {
      try (Temporal temporal = context.connect()) {
        report = new Planner(context, temporal).plan(source, new More(!noSample, proposed != null));
      }
    }
    Path written = write(source.runbook(), report);
    if (proposed != null && report != null && report.proposedQueries() != null) {
      writeNew(proposed, report.proposedQueries());
    }
    List<PlannedStep> steps = PlannedStep.of(source.runbook(), report);
    if (json()) {
      Json.print(console(), document(source.runbook(), steps, report, written));
    } else {
      print(source.runbook(), steps, report, written);
    }
    return report != null && !report.blockers().isEmpty() ? ExitCode.FAILED : ExitCode.DONE;
  }

  private Path write(Runbook runbook, @Nullable PreflightReport report) {
    Path path = card == null ? Path.of(runbook.name() + ".card.md") : card;
    try {
      Files.writeString(
          path, Card.of(runbook, file.toString(), report == null ? List.of() : report.changes()));
      return path;
    } catch (IOException e) {
      throw new CannotDo("Cannot write " + path + ": " + e.getMessage());
    }
  }

  /** A file of queries may hold a person's work. */
  private void refuseWhatIsThere() {
    if (proposed != null && offline) {
      throw new CannotDo(
          ExitCode.USAGE, "--propose-queries asks the source, which --offline does not.");
    }
    if (proposed != null && Files.exists(proposed)) {
      throw new CannotDo(
          ExitCode.USAGE, proposed + " is there already. Fix: name a file that is not.");
    }
  }

  private static void writeNew(Path path, String text) {
    try {
      Files.writeString(path, text, StandardOpenOption.CREATE_NEW);
    } catch (IOException e) {
      throw new CannotDo("Cannot write " + path + ": " + e.getMessage());
    }
  }

  private void print(
      Runbook runbook, List<PlannedStep> steps, @Nullable PreflightReport report, Path written) {
    Console console = console();
    console.out().println(console.bold(runbook.name() + ": " + Words.plural(steps.size(), "step")));
    steps.forEach(step -> console.out().println("  " + step.line()));
    long seconds =
        steps.stream()
            .map(PlannedStep::predictedSeconds)
            .filter(s -> s != null)
            .mapToLong(Long::longValue)
            .sum();
    console
        .out()
        .println(
            "IN ALL: about "
                + Words.duration(Duration.ofSeconds(seconds))
                + ", and whatever the steps without a time take");
    if (report == null) {
      console.out().println("Checked the file alone; the databases were not asked.");
    } else {
      print(report, runbook.replicate().closedFor());
    }
    if (proposed != null && report != null && report.proposedQueries() != null) {
      console
          .out()
          .println(
              "QUERIES: "
                  + proposed
                  + ", a proposal: choose, fill in what stands in comments, then validate.queries");
    }
    console
        .out()
        .println(
            "CARD: "
                + written
                + ", to print: what to do by hand when Temporal and workers are gone");
  }

  private void print(PreflightReport report, Duration closedFor) {
    Console console = console();
    console
        .out()
        .println(
            "DATABASES: PostgreSQL %s (%s) to %s"
                .formatted(
                    report.sourceVersion(),
                    Words.bytes(report.sourceBytes()),
                    report.targetVersion()));
    console.out().println("WRITE PAUSE: about " + report.predictedPauseMillis() + " ms");
    console
        .out()
        .println(
            report.canGoBack()
                ? "WAY BACK: open until decommission"
                : console.red("WAY BACK: NONE AFTER THE HAND-OVER"));
    if (report.forecast() != null) {
      ForecastText.lines(
              report.forecast(), MethodAdvice.line(report.forecast(), closedFor, report.findings()))
          .forEach(console.out()::println);
    }
    for (PreflightReport.DatabaseUser user : report.users()) {
      console.out().println("USES THE SOURCE: " + user.line());
    }
    for (PlannedChange change : report.changes()) {
      for (String call : change.plan().forward()) {
        console.out().println("WOULD CHANGE " + change.what() + ": " + call);
      }
    }
    for (Finding finding : report.findings()) {
      String level = finding.level().toString();
      boolean blocker = finding.level() == Finding.Level.BLOCKER;
      console
          .out()
          .println(
              (blocker ? console.red(level) : level)
                  + " "
                  + finding.check()
                  + ": "
                  + finding.line());
    }
    console
        .out()
        .println(
            report.blockers().isEmpty()
                ? console.green("Nothing stands in the way.")
                : Words.plural(report.blockers().size(), "blocker") + " to mend before the start.");
  }

  private static ObjectNode document(
      Runbook runbook, List<PlannedStep> steps, @Nullable PreflightReport report, Path written) {
    ObjectNode document = Json.MAPPER.createObjectNode();
    document.put("name", runbook.name());
    document.put("offline", report == null);
    document.set("steps", Json.MAPPER.valueToTree(steps));
    document.put("card", written.toString());
    if (report != null) {
      document.setAll((ObjectNode) Json.MAPPER.valueToTree(report));
    }
    return document;
  }

  /** Where the file is wrong, the document holds every mistake with its place. */
  @Override
  void printRefusal(String message, int exitCode) {
    try {
      RunbookFile.parse(Files.readString(file));
    } catch (InvalidRunbook e) {
      ObjectNode document = Json.MAPPER.createObjectNode().put("file", file.toString());
      document.set("errors", Json.MAPPER.valueToTree(e.errors()));
      Json.print(console(), document);
      return;
    } catch (IOException e) {
      // The message says so already.
    }
    super.printRefusal(message, exitCode);
  }
}
