package dev.whimbrel.worker;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import dev.whimbrel.postgres.Inspected;
import dev.whimbrel.postgres.Inspection;
import dev.whimbrel.runbook.InvalidRunbook;
import dev.whimbrel.runbook.Runbook;
import dev.whimbrel.runbook.RunbookError;
import dev.whimbrel.runbook.RunbookFile;
import dev.whimbrel.secrets.Secrets;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * {@code whimbrel inspect RUNBOOK [--output json]}: says which database is the truth and how to go
 * either way by hand. Needs no Temporal and changes nothing. It stands in the worker, since the CLI
 * carries no database driver. Exit codes: 0 when the answer is known, 1 when no database could be
 * read or both take writes, 2 when the runbook or the command line is wrong.
 */
public final class InspectMain {
  private static final String USAGE = "Usage: whimbrel inspect RUNBOOK [--output text|json]";
  private static final int DONE = 0;
  private static final int FAILED = 1;
  private static final int BAD_RUNBOOK = 2;

  private InspectMain() {}

  /** Inspects and exits. */
  public static void main(String[] arguments) {
    System.exit(run(List.of(arguments), System.getenv(), utf8(System.out), utf8(System.err)));
  }

  static int run(
      List<String> arguments, Map<String, String> environment, PrintStream out, PrintStream err) {
    if (arguments.contains("--help") || arguments.contains("-h")) {
      out.println(USAGE);
      return DONE;
    }
    List<String> rest = new ArrayList<>(arguments);
    String output = option(rest, "--output", option(rest, "-o", "text"));
    if (rest.size() != 1 || !List.of("text", "json").contains(output)) {
      err.println(USAGE);
      return BAD_RUNBOOK;
    }
    Runbook runbook;
    try {
      runbook = RunbookFile.parse(Files.readString(Path.of(rest.get(0))));
    } catch (InvalidRunbook e) {
      for (RunbookError error : e.errors()) {
        err.println(error.located(rest.get(0)));
      }
      return BAD_RUNBOOK;
    } catch (IOException e) {
      err.println("Cannot read " + rest.get(0) + ": " + e.getClass().getSimpleName());
      return BAD_RUNBOOK;
    }
    Secrets secrets = new Secrets(environment);
    Logging.start("warn", secrets::redact);
    Inspected inspected = new Inspection(secrets).look(runbook);
    if (output.equals("json")) {
      out.println(secrets.redact(json(inspected)));
    } else {
      InspectText.of(inspected).forEach(line -> out.println(secrets.redact(line)));
    }
    return switch (inspected.state()) {
      case BOTH_UNREADABLE, BOTH_WRITABLE -> FAILED;
      default -> DONE;
    };
  }

  /** Takes an option out, written as {@code --name value} or {@code --name=value}. */
  private static String option(List<String> arguments, String name, String byDefault) {
    int at = arguments.indexOf(name);
    if (at >= 0 && at + 1 < arguments.size()) {
      arguments.remove(at);
      return arguments.remove(at);
    }
    for (String argument : arguments) {
      if (argument.startsWith(name + "=")) {
        arguments.remove(argument);
        return argument.substring(name.length() + 1);
      }
    }
    return byDefault;
  }

  private static String json(Inspected inspected) {
    try {
      return new ObjectMapper()
          .enable(SerializationFeature.INDENT_OUTPUT)
          .writeValueAsString(inspected);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("Cannot write what was found as JSON", e);
    }
  }

  private static PrintStream utf8(PrintStream stream) {
    return new PrintStream(stream, true, StandardCharsets.UTF_8);
  }
}
