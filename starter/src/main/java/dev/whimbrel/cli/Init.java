package dev.whimbrel.cli;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code whimbrel init}. */
@Command(name = "init", description = "Write a commented runbook to begin with.")
final class Init extends Verb {
  @Parameters(
      index = "0",
      arity = "0..1",
      paramLabel = "FILE",
      description = "runbook.yaml when absent; - prints it")
  Path file = Path.of("runbook.yaml");

  @Option(names = "--force", description = "overwrite a file that is there")
  boolean force;

  Init(Context context) {
    super(context);
  }

  @Override
  public Integer call() {
    if (file.toString().equals("-")) {
      console().out().print(template());
      console().out().flush();
      return ExitCode.DONE;
    }
    try {
      Files.writeString(
          file,
          template(),
          force ? StandardOpenOption.CREATE : StandardOpenOption.CREATE_NEW,
          StandardOpenOption.WRITE,
          StandardOpenOption.TRUNCATE_EXISTING);
    } catch (FileAlreadyExistsException e) {
      throw new CannotDo(file + " is there already. Fix: another name, or --force.");
    } catch (IOException e) {
      throw new CannotDo("Cannot write " + file + ": " + e.getMessage());
    }
    if (json()) {
      Json.print(console(), Json.MAPPER.createObjectNode().put("file", file.toString()));
    } else {
      console()
          .out()
          .println("Wrote " + file + ". Edit it, then: whimbrel plan " + file + " --offline");
    }
    return ExitCode.DONE;
  }

  /** The runbook that is written. */
  static String template() {
    try (var in = Init.class.getResourceAsStream("runbook-template.yaml")) {
      if (in == null) {
        throw new IllegalStateException("the template is missing from the jar");
      }
      return new String(in.readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
