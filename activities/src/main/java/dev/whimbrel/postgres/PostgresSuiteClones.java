package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.SuiteClone;
import dev.whimbrel.activity.SuiteClones;
import dev.whimbrel.secrets.Secrets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;

/** Databases on the target's server in which suites write. */
public final class PostgresSuiteClones implements SuiteClones {
  private static final Duration ANSWER = Duration.ofSeconds(60);

  private static final String PLAIN = "SET search_path = ''; SET statement_timeout = 0; ";

  private static final String MAPPINGS =
      "SELECT format('DROP USER MAPPING FOR %s SERVER %I', CASE umuser WHEN 0 THEN 'PUBLIC' ELSE"
          + " quote_ident(pg_get_userbyid(umuser)) END, srvname) FROM pg_catalog.pg_user_mappings";

  private static final String STREAMS =
      "SELECT quote_ident(subname) FROM pg_catalog.pg_subscription WHERE subdbid ="
          + " (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())";

  private final Databases databases;

  /** Clones whose connections use these secrets. */
  public PostgresSuiteClones(Secrets secrets) {
    this.databases = new Databases(secrets);
  }

  @Override
  public Outcome createSuiteClone(SuiteClone clone) {
    try {
      return new Outcome(new SuiteDatabases(databases, clone.move()).create(clone));
    } catch (SQLException e) {
      if (SqlFailures.is(e, SqlFailures.INSUFFICIENT_PRIVILEGE)
          && SqlFailures.firstLine(e).contains("to create database")) {
        throw Failures.needsHelp(
            "Cannot make a database on the target for the suite: " + SqlFailures.firstLine(e),
            "give the role of the target's url the right to make databases, then retry",
            "ALTER ROLE … CREATEDB;");
      }
      throw SqlFailures.of("Cannot make " + clone.database() + " on the target", e);
    }
  }

  @Override
  public Outcome readySuiteClone(SuiteClone clone) {
    Move move = clone.move();
    String name = Names.applicationName(move.migration(), "suite-ready");
    try (Connection source = databases.open(move.source(), name, ANSWER);
        Connection target = databases.open(clone.postgres(), name, ANSWER)) {
      Verbatim.execute(source, PLAIN + "SET default_transaction_read_only = on");
      Verbatim.execute(target, PLAIN + "SET default_transaction_read_only = off");
      requireClone(target, clone);
      List<String> streams = PublishedTables.names(target, STREAMS);
      if (!streams.isEmpty()) {
        throw Failures.defect(
            "The suite's clone %s holds subscription %s"
                .formatted(clone.database(), String.join(", ", streams)));
      }
      // The stream to the target carries no sequences: a suite would meet keys that are taken.
      int sequences = SequencePass.carryExactly(source, target, Selection.of(move, source));
      List<String> mappings = PublishedTables.names(target, MAPPINGS);
      for (String sql : mappings) {
        Verbatim.execute(target, sql);
      }
      return new Outcome(
          "%d sequences stand where the source's do%s"
              .formatted(
                  sequences,
                  mappings.isEmpty()
                      ? ""
                      : "; %d user mappings of foreign servers are dropped in the clone"
                          .formatted(mappings.size())));
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot make the suite's clone " + clone.database() + " ready", e);
    }
  }

  @Override
  public Outcome dropSuiteClone(SuiteClone clone) {
    try {
      return new Outcome(new SuiteDatabases(databases, clone.move()).drop(clone));
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot drop " + clone.database() + " on the target", e);
    }
  }

  @Override
  public Outcome dropSuiteClones(Move move) {
    try {
      return new Outcome(new SuiteDatabases(databases, move).dropAll());
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot drop the suite's clones on the target", e);
    }
  }

  /** A pooler in front of the target may lead every name to the target's own database. */
  private static void requireClone(Connection target, SuiteClone clone) throws SQLException {
    if (!Answers.holds(
        target,
        "SELECT to_regclass('whimbrel.authority') IS NULL AND current_database() = "
            + Quoting.literal(clone.database()))) {
      throw Failures.needsHelp(
          "Cannot run the suite: the target's address leads to another database than %s"
              .formatted(clone.database()),
          "name the target's server itself in target.postgres.url, not a pooler that chooses the database",
          null);
    }
  }
}
