package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.Schema;
import dev.whimbrel.activity.Side;
import dev.whimbrel.secrets.Secrets;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Carries the schema through sections of {@code pg_dump}, and drops what it carried. */
public final class PostgresSchema implements Schema {
  /** So many tables are named in an outcome. */
  private static final int SOME = 20;

  private final Secrets secrets;

  private final Databases databases;

  /** A schema whose connections use these secrets. */
  public PostgresSchema(Secrets secrets) {
    this.secrets = secrets;
    this.databases = new Databases(secrets);
  }

  @Override
  public Outcome createTables(Move move) {
    return with(
        move,
        "Cannot create the tables on the target",
        (source, target, copy) -> {
          List<String> roles = Roles.carry(source, target);
          Memberships.Left left = Memberships.left(source, target);
          int created = copy.createTables();
          return new Outcome(
              tables(target)
                  + (created == 0 ? ", all there already" : ", " + created + " objects created")
                  + (roles.isEmpty()
                      ? ""
                      : "; roles created without a password: " + String.join(", ", roles))
                  + notAllowed(left.refused())
                  + listed("left to you", left.withheld()));
        });
  }

  @Override
  public Outcome createKeys(Move move) {
    return with(
        move,
        "Cannot create the keys on the target",
        (source, target, copy) ->
            new Outcome(copy.createKeys() + " primary keys and replica identities created"));
  }

  @Override
  public Outcome createRest(Move move) {
    return with(
        move,
        "Cannot create indexes and constraints on the target",
        (source, target, copy) -> {
          int created = copy.createRest();
          ForeignKeys.validate(source, target.connection(), databases, move);
          int views = MaterializedViews.refresh(source, target.connection());
          List<String> refused = new ArrayList<>(Settings.carry(source, target));
          DatabaseRights.Carried rights = DatabaseRights.carry(source, target);
          refused.addAll(rights.refused());
          closeFence(target.connection());
          Settings.Left left = Settings.left(source, target);
          return new Outcome(
              created
                  + " indexes, constraints, triggers and grants created, "
                  + views
                  + " materialized views refreshed"
                  + rights.words()
                  + listed("settings of the target's database stay", left.staying())
                  + notAllowed(refused)
                  + listed("left to you", left.withheld()));
        });
  }

  private static String notAllowed(List<String> statements) {
    return listed("not allowed", statements);
  }

  private static String listed(String what, List<String> statements) {
    return statements.isEmpty() ? "" : "; " + what + ": " + String.join("; ", statements);
  }

  @Override
  public Outcome analyze(Move move) {
    try (SchemaSession target = SchemaSession.open(databases, move, "analyze")) {
      List<String> tables = Analyze.tables(target.connection());
      List<String> failed = Analyze.all(target.connection(), tables);
      return new Outcome(tables.size() - failed.size() + " tables analyzed" + notAnalyzed(failed));
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot analyze the target", e);
    }
  }

  private static String notAnalyzed(List<String> tables) {
    int more = tables.size() - SOME;
    return listed(
            "not analyzed, and ANALYZE on the target says why",
            tables.stream().limit(SOME).toList())
        + (more > 0 ? " and %d more".formatted(more) : "");
  }

  @Override
  public Outcome dropSchema(Move move) {
    try {
      return isClaimed(move)
          ? drop(move)
          : new Outcome("the target is not claimed: nothing of this migration is there");
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot drop the schema from the target", e);
    }
  }

  private Outcome drop(Move move) throws SQLException {
    try (SchemaSession target = SchemaSession.open(databases, move, "drop-schema")) {
      Ledger ledger = target.ledger();
      if (!ledger.exists()) {
        return new Outcome("nothing was created on the target");
      }
      requireNotHandedOver(target.connection(), move);
      requireNothingOfItsOwn(target.connection(), move);
      String kept = SchemaRemoval.run(target);
      ledger.dropIfEmpty();
      return new Outcome("what this migration created on the target is dropped" + kept);
    }
  }

  private boolean isClaimed(Move move) throws SQLException {
    String application = Names.applicationName(move.migration(), "drop-schema");
    try (Connection target = databases.open(move.target(), application, Duration.ofSeconds(30))) {
      return Authority.read(target)
          .filter(row -> row.migration().equals(move.migration()))
          .isPresent();
    }
  }

  private static void requireNotHandedOver(Connection target, Move move) throws SQLException {
    if (Authority.require(target, move.migration(), Side.TARGET).writable() == Side.TARGET) {
      throw Failures.needsHelp(
          "Cannot drop the schema from the target: writes go there",
          "roll back first",
          "whimbrel rollback " + move.migration());
    }
  }

  /**
   * Rows that the runbook leaves out travel in neither direction: what was written to such a table
   * while the target was the truth stands nowhere else.
   */
  private static void requireNothingOfItsOwn(Connection target, Move move) throws SQLException {
    if (!Authority.require(target, move.migration(), Side.TARGET).moved()) {
      return;
    }
    List<String> holding = new ArrayList<>();
    for (Selection.Relation table : Selection.on(Side.TARGET, move, target).withoutRows()) {
      if (table.kind() == 'r' && holdsRows(target, table)) {
        holding.add(table.label());
      }
    }
    if (!holding.isEmpty()) {
      throw Failures.needsHelp(
          "the target is kept: rows of %s were written there while it was the truth, and are nowhere else, since the runbook leaves them out"
              .formatted(String.join(", ", holding)),
          "copy them by hand, if they are wanted, then drop the database",
          null);
    }
  }

  private static boolean holdsRows(Connection target, Selection.Relation table)
      throws SQLException {
    try (Statement statement = target.createStatement();
        ResultSet row =
            statement.executeQuery("SELECT FROM ONLY %s LIMIT 1".formatted(table.qualified()))) {
      return row.next();
    }
  }

  private Outcome with(Move move, String doing, Step step) {
    try (SchemaSession target = SchemaSession.open(databases, move, "schema");
        Connection source =
            databases.open(
                move.source(),
                Names.applicationName(move.migration(), "schema"),
                Duration.ofSeconds(60))) {
      target.ledger().create();
      try (SchemaCopy copy = SchemaCopy.of(source, target, move, secrets)) {
        return step.run(source, target, copy);
      }
    } catch (SQLException e) {
      throw SqlFailures.of(doing, e);
    }
  }

  /**
   * Closes the target, unless it has become the truth: the lock on the authority's row keeps a
   * hand-over out until a table's closing is committed.
   */
  private static void closeFence(Connection target) throws SQLException {
    target.setAutoCommit(true);
    Fence.install(target);
    Fence.closeWhile(
        target, "EXISTS (SELECT FROM whimbrel.authority WHERE writable = 'source' FOR SHARE)");
    target.setAutoCommit(false);
  }

  private static String tables(SchemaSession target) throws SQLException {
    try (Statement statement = target.connection().createStatement();
        ResultSet row =
            statement.executeQuery(
                "SELECT count(DISTINCT c.oid), count(a.attnum) FROM pg_class c JOIN pg_namespace n"
                    + " ON n.oid = c.relnamespace LEFT JOIN pg_attribute a ON a.attrelid = c.oid"
                    + " AND a.attnum > 0 AND NOT a.attisdropped WHERE c.relkind IN ('r', 'p')"
                    + " AND n.nspname <> 'whimbrel' AND n.nspname !~ '^pg_'"
                    + " AND n.nspname <> 'information_schema'")) {
      row.next();
      return row.getLong(1) + " tables, " + row.getLong(2) + " columns";
    }
  }

  private interface Step {
    Outcome run(Connection source, SchemaSession target, SchemaCopy copy) throws SQLException;
  }
}
