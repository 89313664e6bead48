package dev.whimbrel.cli;

import dev.whimbrel.migration.MigrationWorkflow;

/**
 * What every verb needs.
 *
 * @param console where it prints
 * @param connector how it reaches Temporal
 */
record Context(Console console, Temporal.Connector connector) {

  Temporal connect() {
    return connector.connect();
  }

  /** The queue that the workers serve. */
  String taskQueue() {
    return console.environment().getOrDefault("WHIMBREL_TASK_QUEUE", MigrationWorkflow.TASK_QUEUE);
  }

  /** The OS user, as whom a person acts unless told otherwise. */
  String user() {
    String user = console.environment().get("USER");
    return user == null || user.isBlank() ? System.getProperty("user.name", "somebody") : user;
  }
}
