package dev.whimbrel.cli;

import io.grpc.StatusRuntimeException;
import io.temporal.client.WorkflowServiceException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Ansi;

/** The command line. */
@Command(
    name = "whimbrel",
    mixinStandardHelpOptions = true,
    version = "whimbrel 0.1.0",
    synopsisSubcommandLabel = "VERB",
    description =
        "Moves a live service and its PostgreSQL database to another place, and back, without losing a"
            + " write.",
    footer = {
      "",
      "Exit codes: 0 done, 1 failed or refused, 2 usage or a bad runbook, 3 waiting for a person, 4"
          + " rolled back (3 and 4 only from wait and start --watch).",
      "Temporal is found by its own settings: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, temporal.toml."
          + " WHIMBREL_TASK_QUEUE names the queue."
    })
public final class Whimbrel {
  private Whimbrel() {}

  /** Runs one command and ends the process with its exit code. */
  public static void main(String[] arguments) {
    // Named, so that a program that has this one on its class path keeps its own.
    System.setProperty("logback.configurationFile", "dev/whimbrel/cli/logback.xml");
    Console console = Console.ofProcess();
    int code = run(new Context(console, Temporal::connect), arguments);
    console.out().flush();
    console.err().flush();
    // The SDK's threads would keep the process for a while.
    Runtime.getRuntime().halt(code);
  }

  /** Runs one command and returns its exit code. */
  static int run(Context context, String... arguments) {
    CommandLine line = commands(context);
    line.setOut(context.console().out());
    line.setErr(context.console().err());
    line.setColorScheme(
        CommandLine.Help.defaultColorScheme(context.console().colour() ? Ansi.ON : Ansi.OFF));
    line.setExecutionExceptionHandler((e, command, parsed) -> refuse(context, e, command));
    line.setCaseInsensitiveEnumValuesAllowed(true);
    if (arguments.length == 0) {
      line.usage(context.console().err());
      return ExitCode.USAGE;
    }
    return line.execute(arguments);
  }

  private static CommandLine commands(Context context) {
    CommandLine line = new CommandLine(new Whimbrel());
    for (Object verb :
        new Object[] {
          new Init(context),
          new Planning(context),
          new Starting(context),
          new Looks.Status(context),
          new Listing(context),
          new Looks.Wait(context),
          new Decisions.Approve(context),
          new Decisions.Reject(context),
          new Decisions.Rollback(context),
          new Promote(context),
          new Decisions.Pause(context),
          new Decisions.Resume(context),
          new Decisions.Retry(context),
          new Decisions.Skip(context),
          new Decisions.Abandon(context),
          new Looks.History(context),
          new Verify(context),
          new Cloning(context),
          new Looks.Report(context),
          new Elsewhere.Inspect(),
          new Elsewhere.Work(),
          new Elsewhere.Demonstrate()
        }) {
      CommandLine sub = new CommandLine(verb);
      sub.getCommandSpec().mixinStandardHelpOptions(true);
      line.addSubcommand(sub);
    }
    return line;
  }

  private static int refuse(Context context, Exception e, CommandLine command) {
    String words = words(e);
    int code = e instanceof CannotDo cannot ? cannot.exitCode() : ExitCode.FAILED;
    context.console().err().println(words);
    if (isDefect(e) && context.console().environment().containsKey("WHIMBREL_DEBUG")) {
      e.printStackTrace(context.console().err());
    }
    if (command.getCommand() instanceof Verb verb && verb.json()) {
      verb.printRefusal(words, code);
    }
    return code;
  }

  private static String words(Exception e) {
    if (e instanceof CannotDo cannot) {
      return cannot.text();
    }
    if (e instanceof StatusRuntimeException status) {
      return "Temporal refused: " + status.getStatus().getCode() + ".";
    }
    if (e instanceof WorkflowServiceException service
        && service.getCause() instanceof StatusRuntimeException status) {
      return "Temporal refused: %s: %s"
          .formatted(
              status.getStatus().getCode(), String.valueOf(status.getStatus().getDescription()));
    }
    return "A defect of the command line (%s: %s). Please report it; WHIMBREL_DEBUG=1 prints where it happened."
        .formatted(e.getClass().getSimpleName(), e.getMessage());
  }

  private static boolean isDefect(Exception e) {
    return !(e instanceof CannotDo
        || e instanceof StatusRuntimeException
        || e instanceof WorkflowServiceException);
  }
}
