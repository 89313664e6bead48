package dev.whimbrel.cli;

import java.io.OutputStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Prints lines in which every command of this program is written as it was called, so that it can
 * be pasted also where {@code whimbrel} is not on the path. Documents go through {@link
 * #print(String)}, which changes nothing.
 */
final class Pasteable extends PrintWriter {
  private static final Pattern COMMAND =
      Pattern.compile(
          "(?<![\\w./-])whimbrel(?= (init|plan|start|status|list|wait|approve|reject|rollback|promote"
              + "|pause|resume|retry|skip|abandon|history|verify|report|inspect|worker|demo)\\b)");

  private final String called;

  /**
   * @param called how the program is called from here
   */
  Pasteable(OutputStream stream, String called) {
    super(stream, true, StandardCharsets.UTF_8);
    this.called = called;
  }

  @Override
  public void println(@Nullable String line) {
    super.println(
        line == null ? null : COMMAND.matcher(line).replaceAll(Matcher.quoteReplacement(called)));
  }
}
