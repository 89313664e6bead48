package dev.whimbrel.runbook;

/** What to say about something that is not there. */
final class Missing {
  private Missing() {}

  static String of(Shape.Key key) {
    return "missing: expected " + key.shape().expected() + ".";
  }

  static final String CONNECT =
      "missing: say how applications find the database, one entry for each way: pgbouncer: {…} (paused,"
          + " pointed to the other side, resumed), command: {do: […], undo: […]}, or manual (people do it).";
}
