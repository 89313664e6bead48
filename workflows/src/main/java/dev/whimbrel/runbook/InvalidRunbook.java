package dev.whimbrel.runbook;

import java.util.List;
import java.util.stream.Collectors;

/** A runbook file with mistakes: all of them, in the order of the file. */
public final class InvalidRunbook extends IllegalArgumentException {
  private final transient List<RunbookError> errors;

  InvalidRunbook(List<RunbookError> errors) {
    super(errors.stream().map(e -> e.located("runbook")).collect(Collectors.joining("\n")));
    this.errors = List.copyOf(errors);
  }

  /** Every mistake, in the order of the file. */
  public List<RunbookError> errors() {
    return errors;
  }
}
