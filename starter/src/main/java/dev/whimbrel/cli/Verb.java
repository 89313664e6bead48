package dev.whimbrel.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Option;

/** What every verb shares: where it prints, and in which form. */
abstract class Verb implements Callable<Integer> {
  /** How a result is printed. */
  enum Output {
    text,
    json
  }

  final Context context;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "text|json",
      description = "text (default), or json: one document on stdout, everything else on stderr")
  Output output = Output.text;

  Verb(Context context) {
    this.context = context;
  }

  Console console() {
    return context.console();
  }

  boolean json() {
    return output == Output.json;
  }

  /** A program that reads the document finds a refusal in it, too. */
  void printRefusal(String message, int exitCode) {
    Json.print(
        console(), Json.MAPPER.createObjectNode().put("error", message).put("exitCode", exitCode));
  }

  /** Prints a line of the result, or, where the result is a document, beside it. */
  void say(String line) {
    (json() ? console().err() : console().out()).println(line);
  }
}
