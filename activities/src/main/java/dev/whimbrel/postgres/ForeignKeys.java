package dev.whimbrel.postgres;

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

/**
 * Foreign keys, created without a look at the rows and then validated, several tables at once. That
 * locks less than {@code ADD FOREIGN KEY}, which keeps writers, and so the stream, off both tables
 * while it reads them.
 *
 * <p>What still has to be validated is told by the target's catalog alone: an attempt that died in
 * between leaves nothing that the next one does not see.
 */
final class ForeignKeys {
  private final Databases databases;
  private final Move move;
  private final Queue<Referencing> waiting = new ConcurrentLinkedQueue<>();
  private final List<Connection> sessions = new CopyOnWriteArrayList<>();
  private final AtomicLong done = new AtomicLong();

  private ForeignKeys(Databases databases, Move move) {
    this.databases = databases;
    this.move = move;
  }

  /** A table with foreign keys; two of one table are not validated at the same time. */
  private record Referencing(String name, List<String> keys) {}

  /** A foreign key by the names that SQL has for it. */
  private static final String NAMED =
      "pg_catalog.format('%I.%I', n.nspname, r.relname), pg_catalog.quote_ident(c.conname)";

  private static final String ALL =
      " FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_class r ON r.oid = c.conrelid"
          + " JOIN pg_catalog.pg_class f ON f.oid = c.confrelid"
          + " JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace WHERE c.contype = 'f'";

  /** Before version 18 one of a partitioned table cannot be validated later. */
  private static final String SOUND =
      " AND c.convalidated AND c.conparentid = 0 AND r.relkind = 'r' AND f.relkind = 'r'";

  /** Selects the oids of those that can be validated later, and are valid. */
  static final String TO_VALIDATE = "SELECT c.oid" + ALL + SOUND;

  /** What creates a foreign key without a look at the rows. */
  static String notValid(String create) {
    int end = create.lastIndexOf(';');
    return create.substring(0, end) + " NOT VALID" + create.substring(end);
  }

  /**
   * Validates on the target every foreign key that is valid on the source, the largest tables
   * first. Again is harmless.
   *
   * @param target a connection without autocommit
   */
  static void validate(Connection source, Connection target, Databases databases, Move move)
      throws SQLException {
    ForeignKeys keys = new ForeignKeys(databases, move);
    keys.waiting.addAll(notValidated(source, target));
    target.commit();
    keys.work();
  }

  private static List<Referencing> notValidated(Connection source, Connection target)
      throws SQLException {
    Set<List<String>> sound = new HashSet<>(names(source, SOUND));
    Map<String, Referencing> tables = new LinkedHashMap<>();
    for (List<String> key :
        names(
            target,
            " AND NOT c.convalidated ORDER BY pg_catalog.pg_table_size(c.conrelid) DESC, 1, 2")) {
      if (sound.contains(key)) {
        tables
            .computeIfAbsent(key.get(0), table -> new Referencing(table, new ArrayList<>()))
            .keys()
            .add(key.get(1));
      }
    }
    return List.copyOf(tables.values());
  }

  private static List<List<String>> names(Connection connection, String which) throws SQLException {
    List<List<String>> names = new ArrayList<>();
    try (Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery("SELECT " + NAMED + ALL + which)) {
      while (rows.next()) {
        names.add(List.of(rows.getString(1), rows.getString(2)));
      }
    }
    return names;
  }

  private void work() throws SQLException {
    long all = waiting.stream().mapToLong(table -> table.keys().size()).sum();
    if (all > 0) {
      Heartbeats.during(() -> progress(all), this::abort, this::several);
    }
  }

  private Progress progress(long all) {
    return new Progress("validating foreign keys", done.get(), all, null, null, null, null, null);
  }

  private void several() throws SQLException {
    int jobs = Math.min(move.jobs(), waiting.size());
    List<FutureTask<Integer>> running = new ArrayList<>();
    try {
      for (int i = 0; i < jobs; i++) {
        Connection session = new CopySessions(databases, move).target();
        sessions.add(session);
        running.add(AtOnce.beside("foreign-keys", () -> drain(session)));
      }
      for (FutureTask<Integer> task : running) {
        AtOnce.ended(task);
      }
    } finally {
      // Reached with work under way only when it is given up.
      waiting.clear();
      abort();
    }
  }

  private void abort() {
    sessions.forEach(Heartbeats::abort);
  }

  /** Returns how many it has validated. */
  private int drain(Connection session) throws SQLException {
    int validated = 0;
    for (Referencing table = waiting.poll(); table != null; table = waiting.poll()) {
      for (String key : table.keys()) {
        validate(session, table.name(), key);
        validated++;
        done.incrementAndGet();
      }
    }
    return validated;
  }

  private static void validate(Connection session, String table, String key) throws SQLException {
    try (Statement statement = session.createStatement()) {
      statement.setEscapeProcessing(false);
      statement.execute("ALTER TABLE ONLY %s VALIDATE CONSTRAINT %s".formatted(table, key));
    } catch (SQLException e) {
      if (session.isClosed()) {
        throw e;
      }
      throw SqlFailures.of(
          "Cannot validate on the target foreign key %s of %s (%s)"
              .formatted(key, table, SchemaSession.detailOf(e)),
          e);
    }
  }
}
