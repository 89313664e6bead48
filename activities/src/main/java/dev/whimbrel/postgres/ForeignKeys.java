package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Progress;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Foreign keys, created without a look at the rows and then validated, several tables at once. That
 * locks less than {@code ADD FOREIGN KEY}, which keeps writers, and so the stream, off both tables
 * while it reads them.
 *
 * <p>What still has to be validated is told by the catalogs alone: an attempt that died in between
 * leaves nothing that the next one does not see.
 */
final class ForeignKeys {
  private static final String ALL =
      " FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_class r ON r.oid = c.conrelid"
          + " JOIN pg_catalog.pg_class f ON f.oid = c.confrelid"
          + " JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace WHERE c.contype = 'f'";

  /** Before version 18 one of a partitioned table cannot be validated later. */
  private static final String SOUND =
      " AND c.convalidated AND c.conparentid = 0 AND r.relkind = 'r' AND f.relkind = 'r'";

  /** Selects the oids of those that can be validated later, and are valid. */
  static final String TO_VALIDATE = "SELECT c.oid" + ALL + SOUND;

  private static final String LARGEST_FIRST =
      " AND NOT c.convalidated ORDER BY pg_catalog.pg_table_size(c.conrelid) DESC, 1, 2, 3";

  /**
   * Longer than whatever else works on a table usually takes: this waits without keeping writers
   * off.
   */
  private static final String PATIENCE = "SET lock_timeout = '30min'";

  private final Databases databases;
  private final Move move;
  private final Queue<List<Key>> waiting = new ConcurrentLinkedQueue<>();
  private final List<Connection> sessions = new CopyOnWriteArrayList<>();
  private final List<String> underWay = new CopyOnWriteArrayList<>();
  private final AtomicLong done = new AtomicLong();
  private volatile boolean givenUp;

  private ForeignKeys(Databases databases, Move move) {
    this.databases = databases;
    this.move = move;
  }

  /**
   * A foreign key by its names, unquoted: servers of different versions quote differently.
   *
   * @param table the table that refers to another one
   */
  private record Key(String schema, String table, String name) {
    String relation() {
      return Quoting.qualified(schema, table);
    }

    String words() {
      return Quoting.shown(name) + " of " + Quoting.shown(schema, table);
    }
  }

  /** What creates a foreign key without a look at the rows. */
  static String notValid(String create) {
    List<String> lines = new ArrayList<>(create.lines().toList());
    int last = lines.size() - 1;
    // Behind it may stand what the next entry needs.
    while (last > 0 && SchemaScript.isBesideStatements(lines.get(last))) {
      last--;
    }
    String end = lines.isEmpty() ? "" : lines.get(last);
    if (!end.endsWith(";") || !end.contains(" FOREIGN KEY ")) {
      throw Failures.defect("Cannot read what creates a foreign key: " + create);
    }
    lines.set(last, end.substring(0, end.length() - 1) + " NOT VALID;");
    return String.join("\n", lines) + "\n";
  }

  /**
   * Validates on the target every foreign key that is valid on the source, the largest tables
   * first. Again is harmless.
   *
   * @param target a connection without autocommit
   */
  static void validate(Connection source, Connection target, Databases databases, Move move)
      throws SQLException {
    // Sessions of a worker that is gone may still be at it, and nobody else could begin.
    new CopySessions(databases, move).endEarlier(target);
    ForeignKeys keys = new ForeignKeys(databases, move);
    keys.waiting.addAll(notValidated(source, target));
    target.commit();
    keys.work();
    List<List<Key>> left = notValidated(source, target);
    target.commit();
    if (!left.isEmpty()) {
      throw Failures.transientFailure(
          "Foreign keys of the target are still not valid: "
              + String.join(", ", left.stream().flatMap(List::stream).map(Key::words).toList()));
    }
  }

  /** By table, since two keys of one table cannot be validated at the same time. */
  private static List<List<Key>> notValidated(Connection source, Connection target)
      throws SQLException {
    Set<Key> sound = new HashSet<>(keys(source, SOUND));
    Map<String, List<Key>> tables = new LinkedHashMap<>();
    for (Key key : keys(target, LARGEST_FIRST)) {
      if (sound.contains(key)) {
        tables.computeIfAbsent(key.relation(), table -> new ArrayList<>()).add(key);
      }
    }
    return List.copyOf(tables.values());
  }

  private static List<Key> keys(Connection connection, String which) throws SQLException {
    List<Key> keys = new ArrayList<>();
    try (Statement statement = connection.createStatement();
        ResultSet rows =
            statement.executeQuery("SELECT n.nspname, r.relname, c.conname" + ALL + which)) {
      while (rows.next()) {
        keys.add(new Key(rows.getString(1), rows.getString(2), rows.getString(3)));
      }
    }
    return keys;
  }

  private void work() throws SQLException {
    long all = waiting.stream().mapToLong(List::size).sum();
    if (all > 0) {
      Heartbeats.during(() -> progress(all), this::giveUp, this::several);
    }
  }

  private Progress progress(long all) {
    String line = "validating foreign keys " + String.join(", ", underWay);
    return new Progress(line, done.get(), all, null, null, null, null, null);
  }

  private void several() throws SQLException {
    int jobs = Math.min(move.jobs(), waiting.size());
    List<FutureTask<@Nullable Void>> running = new ArrayList<>();
    try {
      for (int i = 0; i < jobs; i++) {
        Connection session = open();
        running.add(
            AtOnce.beside(
                "foreign-keys",
                () -> {
                  drain(session);
                  return null;
                }));
      }
      awaitAll(running);
    } finally {
      giveUp();
    }
  }

  private Connection open() throws SQLException {
    Connection session = new CopySessions(databases, move).target();
    sessions.add(session);
    if (givenUp) {
      throw new SQLException("given up");
    }
    try (Statement statement = session.createStatement()) {
      statement.execute(PATIENCE);
    }
    return session;
  }

  /** What one has failed with is told when all have ended: what they achieve is not lost. */
  private static void awaitAll(List<FutureTask<@Nullable Void>> running) throws SQLException {
    FirstFailure failure = new FirstFailure();
    for (FutureTask<@Nullable Void> task : running) {
      try {
        AtOnce.ended(task);
      } catch (SQLException e) {
        failure.add(e);
      } catch (RuntimeException e) {
        failure.add(e);
      }
    }
    failure.tell();
  }

  /** Ends every session; at the end of the work they are idle. */
  private void giveUp() {
    givenUp = true;
    sessions.forEach(Heartbeats::abort);
  }

  /**
   * Validates until nothing waits, also where a key is refused.
   *
   * @throws RuntimeException the first refusal, with the others suppressed
   */
  private void drain(Connection session) throws SQLException {
    FirstFailure refusals = new FirstFailure();
    for (List<Key> table = waiting.poll(); table != null; table = waiting.poll()) {
      for (Key key : table) {
        try {
          validate(session, key);
          done.incrementAndGet();
        } catch (RuntimeException e) {
          refusals.add(e);
        }
      }
    }
    refusals.tellUnchecked();
  }

  private void validate(Connection session, Key key) throws SQLException {
    underWay.add(key.words());
    try {
      Verbatim.execute(
          session,
          "ALTER TABLE ONLY %s VALIDATE CONSTRAINT %s"
              .formatted(key.relation(), Quoting.identifier(key.name())));
    } catch (SQLException e) {
      if (session.isClosed()) {
        throw e;
      }
      throw SqlFailures.of(
          "Cannot validate on the target foreign key %s (%s)"
              .formatted(key.words(), SchemaSession.detailOf(e)),
          e);
    } finally {
      underWay.remove(key.words());
    }
  }
}
