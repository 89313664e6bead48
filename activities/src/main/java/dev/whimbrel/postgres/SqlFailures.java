package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import java.sql.SQLException;
import java.util.Set;

/**
 * Decides, by SQLSTATE and in this one place, whether a statement that failed is tried again or
 * needs a person.
 */
final class SqlFailures {
  static final String CONNECTION_FAILURE = "08006";
  static final String DUPLICATE_OBJECT = "42710";
  static final String DUPLICATE_SCHEMA = "42P06";
  static final String DUPLICATE_TABLE = "42P07";
  static final String UNDEFINED_OBJECT = "42704";
  static final String UNDEFINED_SCHEMA = "3F000";
  static final String UNDEFINED_TABLE = "42P01";
  static final String OBJECT_IN_USE = "55006";
  static final String DEADLOCK_DETECTED = "40P01";
  static final String LOCK_NOT_AVAILABLE = "55P03";
  static final String QUERY_CANCELED = "57014";
  static final String DISK_FULL = "53100";
  static final String TOO_MANY_CONNECTIONS = "53300";
  static final String INSUFFICIENT_PRIVILEGE = "42501";

  /**
   * Classes and states of the session, the server, its disk and its rights, which are no matter of
   * one object: connection, transaction, authorization, resources, intervention, system, files.
   */
  private static final Set<String> NOT_OF_ONE_OBJECT =
      Set.of(
          "08",
          "25",
          "28",
          "3D",
          "40",
          "53",
          "55",
          "57",
          "58",
          "F0",
          "XX001",
          "XX002",
          INSUFFICIENT_PRIVILEGE);

  private SqlFailures() {}

  /** Whether the failure has this SQLSTATE. */
  static boolean is(SQLException e, String state) {
    return state.equals(e.getSQLState());
  }

  /**
   * Whether the session may be gone, so that what was sent may have been done: a statement that
   * merely failed was not.
   */
  static boolean endsSession(SQLException e) {
    String state = e.getSQLState();
    return state == null
        || state.startsWith("08")
        || state.startsWith("57P")
        || state.startsWith("25P");
  }

  /**
   * Translates a failure.
   *
   * @param doing what was attempted, naming the object: {@code Cannot create replication slot x}
   */
  static RuntimeException of(String doing, SQLException e) {
    String state = e.getSQLState() == null ? "" : e.getSQLState();
    String message = doing + ": " + firstLine(e) + (state.isEmpty() ? "" : " (" + state + ")");
    if (Thread.currentThread().isInterrupted()) {
      // The driver says then that something unusual has occurred, and the like.
      return Failures.transientFailure(message + "; this worker is being stopped");
    }
    return switch (state) {
      case "28P01", "28000" ->
          Failures.needsHelp(
              message, "check the role and the password that the runbook refers to", null);
      case "3D000" -> Failures.needsHelp(message, "check the database in the runbook's url", null);
      case INSUFFICIENT_PRIVILEGE ->
          Failures.needsHelp(message, "grant what is missing, then retry", null);
      case DISK_FULL -> Failures.needsHelp(message, "give the server more disk, then retry", null);
      case "53400", TOO_MANY_CONNECTIONS ->
          Failures.needsHelp(
              message, "raise the server's limit named in the message, then retry", null);
      default -> isTransient(state) ? Failures.transientFailure(message) : unexpected(message);
    };
  }

  /**
   * Whether another session has changed the same row of the catalog, or made the same one, which
   * the server says as an internal error or a key that is there twice: it passes.
   */
  static boolean isOfConcurrentChange(SQLException e) {
    String message = String.valueOf(e.getMessage());
    return (is(e, "XX000") && message.contains("tuple concurrently "))
        || (is(e, "23505") && message.contains("\"pg_"));
  }

  /**
   * Whether the statement failed for what it met in an object, a value or a function of the
   * service, while server and session are well: the same would fail again, and another would not.
   */
  static boolean isOfTheObject(SQLException e) {
    String state = e.getSQLState();
    return state != null
        && state.length() == 5
        && !NOT_OF_ONE_OBJECT.contains(state)
        && !NOT_OF_ONE_OBJECT.contains(state.substring(0, 2))
        && !isOfConcurrentChange(e);
  }

  /** Whether it may pass by itself. */
  static boolean mayPass(SQLException e) {
    return isTransient(e.getSQLState() == null ? "" : e.getSQLState());
  }

  private static boolean isTransient(String state) {
    return state.isEmpty()
        || state.startsWith("08")
        || state.startsWith("57P")
        || state.startsWith("40")
        || state.equals(LOCK_NOT_AVAILABLE)
        || state.equals(QUERY_CANCELED)
        || state.equals(OBJECT_IN_USE);
  }

  private static RuntimeException unexpected(String message) {
    return Failures.needsHelp(message, "mend the cause on the server, then retry", null);
  }

  /** The first line of the server's message, which holds no row. */
  static String firstLine(SQLException e) {
    String message = e.getMessage();
    return message == null ? e.getClass().getSimpleName() : message.lines().findFirst().orElse("");
  }
}
