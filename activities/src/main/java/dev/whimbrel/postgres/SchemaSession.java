package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/** The one session through which an attempt changes the target's schema. */
final class SchemaSession implements AutoCloseable {
  private static final String SETTINGS =
      "SET statement_timeout = 0; SET lock_timeout = '60s';"
          + " SET idle_in_transaction_session_timeout = 0; SET default_transaction_read_only = off;"
          + " SET standard_conforming_strings = on; SET search_path = '';"
          + " SET check_function_bodies = off; SET xmloption = content;"
          + " SET client_min_messages = warning; SET row_security = off;"
          + " SET synchronous_commit = on; SET tcp_keepalives_idle = 10;"
          + " SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 4";

  /** The role's rights do not suffice, a role is missing, or a grant would make no sense. */
  private static final Set<String> REFUSED =
      Set.of(SqlFailures.INSUFFICIENT_PRIVILEGE, SqlFailures.UNDEFINED_OBJECT, "0LP01");

  /** Duplicate database, table, function, object, schema: something stands in the way. */
  private static final Set<String> ALREADY_THERE =
      Set.of("42P04", "42P07", "42723", "42710", "42P06");

  /** Each takes the server a second to notice. */
  private static final int DEADLOCKS = 20;

  private final Connection target;
  private final Ledger ledger;

  private SchemaSession(Connection target, Ledger ledger) {
    this.target = target;
    this.ledger = ledger;
  }

  /** Opens the session and takes the lock that the schema's steps and their undo share. */
  static SchemaSession open(Databases databases, Move move, String step) throws SQLException {
    Connection target =
        databases.open(
            move.target(),
            Names.applicationName(move.migration(), step),
            Duration.ZERO,
            // One message a script, which only the server cuts into statements.
            Map.of("preferQueryMode", "simple"));
    try {
      StepLock.take(target, "schema " + move.migration());
      // After the claim is released, no late attempt may create anything again.
      Authority.require(target, move.migration(), Side.TARGET);
      free(target);
      target.setAutoCommit(false);
      return new SchemaSession(target, new Ledger(target, move.migration()));
    } catch (SQLException | RuntimeException e) {
      target.close();
      throw e;
    }
  }

  /** Frees a session from the settings of its database and role, which may have been carried. */
  static void free(Connection session) throws SQLException {
    Verbatim.execute(session, SETTINGS);
    int major = session.getMetaData().getDatabaseMajorVersion();
    if (major >= 14) {
      // Idle while others work for this step, and its lock must stay.
      Verbatim.execute(session, "SET idle_session_timeout = 0");
    }
    if (major >= 17) {
      Verbatim.execute(session, "SET transaction_timeout = 0");
    }
  }

  Connection connection() {
    return target;
  }

  Ledger ledger() {
    return ledger;
  }

  /**
   * Creates some entries and records them, in one transaction. Where it meets the stream in a
   * deadlock, which locks the tables of a foreign key in an order of its own, it comes again: what
   * the stream has begun ends soon.
   */
  void create(List<SchemaEntry> entries, SchemaScript script, String undo, Progress progress)
      throws SQLException {
    String sql = String.join("\n", entries.stream().map(script.creates()::get).toList());
    for (int deadlocks = 0; ; deadlocks++) {
      try {
        Heartbeats.during(progress, target, () -> Verbatim.execute(target, sql));
        ledger.record(entries.stream().map(SchemaEntry::key).toList(), undo);
        target.commit();
        return;
      } catch (SQLException e) {
        if (SqlFailures.is(e, SqlFailures.DEADLOCK_DETECTED) && deadlocks < DEADLOCKS) {
          target.rollback();
          continue;
        }
        if (target.isClosed() || entries.size() == 1) {
          throw failed(entries.get(0), e);
        }
        target.rollback();
        nameTheOne(entries, script);
        throw failed(entries.get(0), e);
      }
    }
  }

  /** Executes a script in the open transaction. */
  void execute(String sql) throws SQLException {
    Verbatim.execute(target, sql);
  }

  /**
   * Tries in the open transaction what the rights may not allow; leaves nothing of it where it is
   * refused, or does not come true: of some things PostgreSQL only warns.
   *
   * @throws SQLException when it fails otherwise: then it may succeed the next time
   */
  boolean attempt(String sql, Proof came) throws SQLException {
    return attempt(sql, came, e -> REFUSED.contains(String.valueOf(e.getSQLState())));
  }

  /** The same, where other failures are a refusal. */
  boolean attempt(String sql, Proof came, Predicate<SQLException> refused) throws SQLException {
    Savepoint before = target.setSavepoint();
    try {
      execute(sql);
      if (came.holds()) {
        return true;
      }
    } catch (SQLException e) {
      if (SqlFailures.isOfConcurrentChange(e)) {
        throw Failures.transientFailure(
            "Cannot " + withoutValues(sql) + ": " + SqlFailures.firstLine(e));
      }
      if (!refused.test(e)) {
        throw e;
      }
    }
    target.rollback(before);
    return false;
  }

  /** A value may be a secret. */
  private static String withoutValues(String sql) {
    return sql.replaceAll("'(?:[^']|'')*'", "'…'");
  }

  /** Whether what was tried has come true. */
  interface Proof {
    boolean holds() throws SQLException;
  }

  @Override
  public void close() throws SQLException {
    target.close();
  }

  /** Goes through the entries one by one, to name the one that fails; keeps nothing of it. */
  private void nameTheOne(List<SchemaEntry> entries, SchemaScript script) throws SQLException {
    for (SchemaEntry entry : entries) {
      try {
        Verbatim.execute(target, script.creates().getOrDefault(entry, ""));
      } catch (SQLException e) {
        throw failed(entry, e);
      }
    }
    target.rollback();
  }

  private static RuntimeException failed(SchemaEntry entry, SQLException e) {
    String state = e.getSQLState() == null ? "" : e.getSQLState();
    String doing = "Cannot create on the target " + entry.label().strip();
    if (ALREADY_THERE.contains(state)) {
      return Failures.needsHelp(
          doing + ": " + SqlFailures.firstLine(e),
          "drop on the target what stands in the way, or move into an empty database; then retry",
          null);
    }
    if (state.equals("53200")) {
      return Failures.needsHelp(
          doing + ": the target ran out of locks",
          "raise max_locks_per_transaction on the target and restart it, then retry",
          "ALTER SYSTEM SET max_locks_per_transaction = 1024;");
    }
    return SqlFailures.of(doing + " (" + detailOf(e) + ")", e);
  }

  /** The server's own detail, or its message where it gives none. */
  static String detailOf(SQLException e) {
    ServerErrorMessage server = e instanceof PSQLException p ? p.getServerErrorMessage() : null;
    String detail = server == null ? null : server.getDetail();
    String text = detail == null ? e.getMessage() : detail;
    return text == null ? "no detail" : text.lines().findFirst().orElse("no detail");
  }
}
