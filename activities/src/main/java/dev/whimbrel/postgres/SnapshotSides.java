package dev.whimbrel.postgres;

import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/** A snapshot of the source, and its clone: whatever the source does meanwhile, neither changes. */
final class SnapshotSides implements ComparedSides {
  private static final Duration ANSWER = Duration.ofSeconds(60);

  private static final String NO_MORE =
      "its rows are no longer what the snapshot shows: it was truncated, rewritten, dropped or replaced on the source since";

  private static final String CHANGED =
      "select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
          + " where c.relkind = 'r' and c.relpersistence <> 't'"
          + " and (c.relfilenode <> coalesce(pg_relation_filenode(c.oid), 0) or "
          + CopyTables.NAMED_OTHERWISE
          + ") and "
          + TableCatalog.USER_SCHEMAS
          + " and ";

  private final Databases databases;
  private final CopyRequest request;
  private final Move move;
  private final String application;

  SnapshotSides(Databases databases, CopyRequest request) {
    this.databases = databases;
    this.request = request;
    this.move = request.move();
    this.application = Names.applicationName(move.migration(), "verification");
  }

  @Override
  public Side truth() {
    return Side.SOURCE;
  }

  @Override
  public boolean goesOn() {
    return false;
  }

  @Override
  public Pair open() throws SQLException {
    Connection source = Pinned.open(databases, move.source(), application);
    try {
      see(source);
      return new Pair(source, Pinned.open(databases, move.target(), application));
    } catch (SQLException | RuntimeException e) {
      source.close();
      throw e;
    }
  }

  /**
   * What fails takes back itself alone, and not the snapshot; and no table of the source stays
   * locked behind the look at it.
   */
  @Override
  public void apart(Pair pair, Crew.Work work) throws SQLException, InterruptedException {
    Connection source = pair.truth();
    Savepoint before = source.setSavepoint();
    try {
      work.run(pair);
    } finally {
      if (!source.isClosed()) {
        source.rollback(before);
        source.releaseSavepoint(before);
      }
    }
  }

  private void see(Connection source) throws SQLException {
    try (Statement statement = source.createStatement();
        Connection target = databases.open(move.target(), application, ANSWER)) {
      statement.execute("set idle_in_transaction_session_timeout = 0");
      if (source.getMetaData().getDatabaseMajorVersion() >= 17) {
        statement.execute("set transaction_timeout = 0");
      }
      new CopyGenerations(target).enter(source, request.generation());
    } catch (Snapshots.Gone e) {
      // Whoever keeps it says so, and the clone begins anew; until then this comes again.
      throw new SQLException(e.why(), SqlFailures.CONNECTION_FAILURE, e);
    }
  }

  @Override
  public StreamPoint stream() {
    return new StreamPoint() {
      @Override
      public void pass() {
        // Nothing is under way between a snapshot and its copy.
      }

      @Override
      public void close() {
        // Holds nothing.
      }
    };
  }

  @Override
  public Move move() {
    return move;
  }

  /** Rows that are not logged are copied as well, unless the source shows none. */
  @Override
  public Map<String, TableShape> read(Connection connection, Selection selection, String... kinds)
      throws SQLException {
    Map<String, TableShape> shapes = new TreeMap<>(TableCatalog.read(connection, selection, kinds));
    if (!CloneOpener.isStandby(connection)) {
      shapes.replaceAll((label, shape) -> shape.withUnlogged());
    }
    for (String table : changed(connection, selection)) {
      shapes.computeIfPresent(table, (label, shape) -> shape.notCompared(NO_MORE));
    }
    return shapes;
  }

  /**
   * Tables whose rows the snapshot does not show any more, though they were copied: truncated,
   * rewritten or replaced by another table since.
   */
  Set<String> changed() throws SQLException {
    try (Pair pair = open()) {
      return changed(pair.truth(), Selection.of(move, pair.truth()));
    }
  }

  private static Set<String> changed(Connection connection, Selection selection)
      throws SQLException {
    Set<String> changed = new TreeSet<>();
    new Query()
        .add(CHANGED)
        .add(selection.movesRows())
        .run(
            connection,
            row ->
                changed.add(
                    Quoting.shown(
                        Objects.requireNonNull(row.getString(1)),
                        Objects.requireNonNull(row.getString(2)))));
    return changed;
  }

  @Override
  public String whatOfSequences() {
    return "no snapshot holds them: they were read from the source when the rows were in, and it has gone on since";
  }
}
