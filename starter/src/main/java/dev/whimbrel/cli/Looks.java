package dev.whimbrel.cli;

import dev.whimbrel.runbook.Durations;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The verbs that look at one migration. */
final class Looks {
  private Looks() {}

  /** A look at one migration through Temporal. */
  private abstract static class Look extends Verb {
    @Parameters(index = "0", paramLabel = "NAME", description = "the migration's name")
    String name = "";

    Look(Context context) {
      super(context);
    }

    @Override
    public Integer call() {
      try (Temporal temporal = context.connect()) {
        return look(temporal);
      }
    }

    abstract int look(Temporal temporal);
  }

  @Command(
      name = "status",
      description = "Where writes go, whether one can go back, and what is waited for.")
  static final class Status extends Look {
    Status(Context context) {
      super(context);
    }

    @Override
    int look(Temporal temporal) {
      Snapshot snapshot = new Migrations(temporal).look(name);
      if (json()) {
        Json.print(console(), snapshot.json());
        return ExitCode.DONE;
      }
      boolean first = true;
      for (String line : StatusText.of(snapshot, console().zone())) {
        console().out().println(first ? console().bold(line) : coloured(line));
        first = false;
      }
      return ExitCode.DONE;
    }

    private String coloured(String line) {
      return line.startsWith("NEEDS HELP") || line.startsWith("RETRYING")
          ? console().red(line)
          : line;
    }
  }

  @Command(
      name = "wait",
      description = {
        "Wait until the migration ends or a person is needed.",
        "Ends with 0 migrated, 1 abandoned or time-out, 3 waiting for a person, 4 rolled back."
      })
  static final class Wait extends Look {
    @Option(
        names = "--timeout",
        paramLabel = "DURATION",
        description = "give up after 30s, 5m, 24h …; never when absent")
    @Nullable String timeout;

    private @Nullable Duration limit;

    Wait(Context context) {
      super(context);
    }

    @Override
    public Integer call() {
      limit = timeout == null ? null : duration(timeout);
      return super.call();
    }

    @Override
    int look(Temporal temporal) {
      return new Watch(context, temporal, name, json()).untilAPersonIsNeeded(limit);
    }
  }

  private static Duration duration(String text) {
    try {
      return Durations.parse(text);
    } catch (IllegalArgumentException e) {
      throw new CannotDo(ExitCode.USAGE, "--timeout: " + e.getMessage() + ".");
    }
  }

  @Command(
      name = "report",
      description = "The migration as Markdown: what happened, when, by whom.")
  static final class Report extends Look {
    Report(Context context) {
      super(context);
    }

    @Override
    int look(Temporal temporal) {
      Snapshot snapshot = new Migrations(temporal).look(name);
      Timeline timeline = Timeline.of(temporal, name);
      if (json()) {
        var document = snapshot.json();
        document.set("events", Json.MAPPER.valueToTree(timeline.events()));
        Json.print(console(), document);
      } else {
        console().out().print(ReportText.of(snapshot, timeline, console().zone()));
        console().out().flush();
      }
      return ExitCode.DONE;
    }
  }

  @Command(
      name = "history",
      description = "Every step with its times and outcome, and every decision with its person.")
  static final class History extends Look {
    History(Context context) {
      super(context);
    }

    @Override
    int look(Temporal temporal) {
      Snapshot snapshot = new Migrations(temporal).look(name);
      Timeline timeline = Timeline.of(temporal, name);
      if (json()) {
        var document = Json.MAPPER.createObjectNode().put("name", name);
        document.set("steps", Json.MAPPER.valueToTree(snapshot.status().steps()));
        document.set("events", Json.MAPPER.valueToTree(timeline.events()));
        document.put("historyEvents", timeline.length());
        Json.print(console(), document);
        return ExitCode.DONE;
      }
      snapshot
          .status()
          .steps()
          .forEach(
              s -> console().out().println(StatusText.step(s, snapshot.at(), console().zone())));
      if (!snapshot.answered()) {
        console().err().println("The steps are not known: no worker answers.");
      }
      timeline
          .events()
          .forEach(e -> console().out().println(e.line(snapshot.at(), console().zone())));
      console().out().println(timeline.length() + " events in Temporal's history");
      return ExitCode.DONE;
    }
  }
}
