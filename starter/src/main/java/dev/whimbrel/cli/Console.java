package dev.whimbrel.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.time.ZoneId;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Where a command prints and whom it asks.
 *
 * @param out the result; with {@code --output json} one document
 * @param err everything else
 * @param input the next line that a person types, or null at the end
 * @param terminal whether a person sits there
 * @param colour whether colours may be used
 * @param zone in which times are shown
 * @param environment the process's variables
 */
record Console(
    PrintWriter out,
    PrintWriter err,
    Supplier<@Nullable String> input,
    boolean terminal,
    boolean colour,
    ZoneId zone,
    Map<String, String> environment) {

  /** The console of this process. */
  static Console ofProcess() {
    Map<String, String> environment = System.getenv();
    // The launcher looks, since what System.console() says depends on the JDK.
    boolean terminal =
        Boolean.getBoolean("whimbrel.terminal") && !"dumb".equals(environment.get("TERM"));
    // The launcher knows how it was called.
    String called = System.getProperty("whimbrel.called", "whimbrel");
    BufferedReader reader =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    return new Console(
        new Pasteable(System.out, called),
        new Pasteable(System.err, called),
        () -> line(reader),
        terminal,
        terminal && environment.getOrDefault("NO_COLOR", "").isEmpty(),
        ZoneId.systemDefault(),
        environment);
  }

  /** Asks a question that only {@code y} or {@code yes} answers with yes. */
  boolean confirms(String question) {
    err.print(question + " [y/N] ");
    err.flush();
    String answer = input.get();
    return answer != null
        && (answer.strip().equalsIgnoreCase("y") || answer.strip().equalsIgnoreCase("yes"));
  }

  /** The text in bold where colours may be used. */
  String bold(String text) {
    return colour ? "\u001b[1m" + text + "\u001b[0m" : text;
  }

  /** The text in red where colours may be used. */
  String red(String text) {
    return colour ? "\u001b[31m" + text + "\u001b[0m" : text;
  }

  /** The text in green where colours may be used. */
  String green(String text) {
    return colour ? "\u001b[32m" + text + "\u001b[0m" : text;
  }

  private static @Nullable String line(BufferedReader reader) {
    try {
      return reader.readLine();
    } catch (IOException e) {
      return null; // nobody there to answer: the same as the end of input
    }
  }
}
