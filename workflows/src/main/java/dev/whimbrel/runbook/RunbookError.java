package dev.whimbrel.runbook;

/**
 * One mistake in a runbook file.
 *
 * @param line from 1
 * @param column from 1
 * @param path the key's path, such as {@code validate.smoke[1].http}; empty for the file as a whole
 * @param message what was expected and what was found, and the nearest valid key where one is near.
 *     Never holds a value that may be a secret
 */
public record RunbookError(int line, int column, String path, String message) {

  /** {@code 12:3: validate.smok: unknown key. Did you mean 'smoke'?} as it is printed. */
  public String located(String file) {
    return file + ":" + line + ":" + column + ": " + (path.isEmpty() ? "" : path + ": ") + message;
  }
}
