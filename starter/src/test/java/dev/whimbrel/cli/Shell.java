package dev.whimbrel.cli;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.ZoneOffset;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;

/** Runs the command line and keeps what it prints. */
final class Shell {
  private final Temporal.Connector connector;
  private final Deque<String> typed = new ArrayDeque<>();
  private boolean terminal;
  private String out = "";
  private String err = "";
  private volatile StringWriter printing = new StringWriter();

  Shell(Temporal.Connector connector) {
    this.connector = connector;
  }

  /** Lets a person sit there who types these lines. */
  Shell typing(String... lines) {
    terminal = true;
    typed.addAll(List.of(lines));
    return this;
  }

  int run(String... arguments) {
    StringWriter outText = new StringWriter();
    printing = outText;
    StringWriter errText = new StringWriter();
    Console console =
        new Console(
            new PrintWriter(outText, true),
            new PrintWriter(errText, true),
            typed::poll,
            terminal,
            false,
            ZoneOffset.UTC,
            Map.of("USER", "ana", "WHIMBREL_DEBUG", "1"));
    int code = Whimbrel.run(new Context(console, connector), arguments);
    out = outText.toString();
    err = errText.toString();
    return code;
  }

  /** What a command that still runs, on another thread, has printed so far. */
  String soFar() {
    return printing.toString();
  }

  String out() {
    return out;
  }

  String err() {
    return err;
  }
}
