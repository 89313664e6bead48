package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * An attempt's one session on one server. It never reconnects: what was begun in a session that is
 * gone is gone with it. The server ends it after two seconds of silence, so that a process that
 * froze or lost its network gives everything back; {@link Pinger} speaks for a process that is
 * merely waiting.
 *
 * <p>Statements go by the simple protocol: one call is one message and one answer, however many
 * statements it holds, and the first that fails skips the rest.
 */
final class Session implements AutoCloseable {
  /** Silence after which the server ends a session that is inside a transaction, or, 14+, not. */
  static final Duration DEAD_MAN = Duration.ofSeconds(2);

  /** An answer may come this much later than the server's own limit on the statement. */
  private static final Duration ANSWER = Duration.ofSeconds(2);

  /** Compiling a query over the catalogs takes longer, inside the pause, than all else there. */
  private static final String SETTINGS =
      """
      SET synchronous_commit = on; SET default_transaction_read_only = off;
      SET default_transaction_isolation = 'read committed'; SET statement_timeout = 0;
      SET lock_timeout = 0; SET search_path = pg_catalog; SET client_min_messages = warning;
      SET idle_in_transaction_session_timeout = '2s';
      SET datestyle = 'ISO'; SET bytea_output = 'hex'; SET row_security = off; SET jit = off;
      DO $$ DECLARE s text[]; BEGIN
        FOREACH s SLICE 1 IN ARRAY ARRAY[['idle_session_timeout', '2s'],
          ['client_connection_check_interval', '500ms'], ['tcp_user_timeout', '2s'],
          ['tcp_keepalives_idle', '1'], ['tcp_keepalives_interval', '1'],
          ['tcp_keepalives_count', '2'], ['deadlock_timeout', '200ms'],
          ['transaction_timeout', '0']] LOOP
          BEGIN PERFORM set_config(s[1], s[2], false);
          EXCEPTION WHEN OTHERS THEN NULL; -- unknown before 14 or 17, or not ours to set
          END;
        END LOOP;
      END $$;
      SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()""";

  private final Place place;
  private final Connection connection;
  private final RoundTrips trips;
  private final ReentrantLock turn = new ReentrantLock();
  private volatile long lastUsed = System.nanoTime();
  private volatile long answered = System.nanoTime();
  private volatile boolean closed;
  private @Nullable Backend backend;

  private Session(Place place, Connection connection, RoundTrips trips) {
    this.place = place;
    this.connection = connection;
    this.trips = trips;
  }

  /** Opens a session with the dead man's switch set. */
  static Session open(Databases databases, Place place, RoundTrips trips) throws SQLException {
    Connection connection =
        databases.open(
            place.spec(),
            place.applicationName(),
            Duration.ofSeconds(5),
            Map.of("preferQueryMode", "simple"));
    Session session = new Session(place, connection, trips);
    try {
      List<@Nullable String> own = session.rows(SETTINGS, Duration.ofSeconds(5)).get(0).get(0);
      session.backend =
          new Backend(
              Objects.requireNonNull(own.get(0), "pid"),
              Objects.requireNonNull(own.get(1), "backend_start"));
      return session;
    } catch (SQLException e) {
      session.close();
      throw e;
    }
  }

  /**
   * Where a session goes.
   *
   * @param side which side it is
   * @param spec the database
   * @param applicationName shown in {@code pg_stat_activity}
   */
  record Place(Side side, dev.whimbrel.runbook.PostgresSpec spec, String applicationName) {}

  /**
   * The server's process behind a session.
   *
   * @param pid its number, which is used again after its end
   * @param started when it was started, as its server tells it, to the microsecond
   */
  record Backend(String pid, String started) {}

  Side side() {
    return place.side();
  }

  /** Where it goes. */
  Place place() {
    return place;
  }

  /** Its process on the server. */
  Backend backend() {
    return Objects.requireNonNull(backend, "the session is not open");
  }

  /** The connection itself, for short statements outside the pause. */
  Connection connection() {
    return connection;
  }

  /** The connection itself, for statements that may take as long as this. */
  Connection connection(Duration limit) throws SQLException {
    connection.setNetworkTimeout(Runnable::run, (int) limit.plus(ANSWER).toMillis());
    return connection;
  }

  /** Sends one message and waits for its answer. */
  void run(String sql, Duration limit) throws SQLException {
    rows(sql, limit);
  }

  /**
   * Sends one message and returns the rows of all its statements, as text.
   *
   * @param limit how long the server may take; the answer must be there two seconds later
   */
  List<List<List<@Nullable String>>> rows(String sql, Duration limit) throws SQLException {
    turn.lock();
    try (Statement statement = connection.createStatement()) {
      connection.setNetworkTimeout(Runnable::run, (int) limit.plus(ANSWER).toMillis());
      trips.count();
      long sent = System.nanoTime();
      List<List<List<@Nullable String>>> results = new ArrayList<>();
      boolean more = statement.execute(sql);
      while (more || statement.getUpdateCount() >= 0) {
        if (more) {
          results.add(read(statement));
        }
        more = statement.getMoreResults();
      }
      answered = sent;
      return results;
    } finally {
      lastUsed = System.nanoTime();
      turn.unlock();
    }
  }

  /** The first column of the first row of the last result. */
  @Nullable String value(String sql, Duration limit) throws SQLException {
    List<List<List<@Nullable String>>> results = rows(sql, limit);
    if (results.isEmpty()) {
      return null;
    }
    List<List<@Nullable String>> last = results.get(results.size() - 1);
    return last.isEmpty() ? null : last.get(0).get(0);
  }

  /** Whether that value is true; false where there is none. */
  boolean holds(String sql, Duration limit) throws SQLException {
    return "t".equals(value(sql, limit));
  }

  /**
   * Whether something that was sent no longer ago than this was answered without an error: then
   * nobody had ended this session by then.
   */
  boolean answeredWithin(Duration time) {
    return System.nanoTime() - answered < time.toNanos();
  }

  /**
   * Speaks to the server if nobody has for a while. Never waits for the thread that works: while a
   * statement runs, the session is not idle. A ping inside a transaction is one more statement.
   */
  void ping() {
    if (closed || System.nanoTime() - lastUsed < Pinger.INTERVAL.toNanos() || !turn.tryLock()) {
      return;
    }
    try (Statement statement = connection.createStatement()) {
      statement.execute("SELECT 1");
    } catch (SQLException e) {
      // In an aborted transaction, or the session is gone: whoever works on it finds out.
    } finally {
      lastUsed = System.nanoTime();
      turn.unlock();
    }
  }

  /** Ends the session without waiting for anything: the server rolls back what is open. */
  @Override
  public void close() {
    closed = true;
    try {
      connection.abort(Runnable::run);
    } catch (SQLException e) {
      // It was gone already.
    }
  }

  private static List<List<@Nullable String>> read(Statement statement) throws SQLException {
    try (ResultSet set = statement.getResultSet()) {
      return texts(set);
    }
  }

  /** Every row of a result, as text. */
  static List<List<@Nullable String>> texts(ResultSet set) throws SQLException {
    List<List<@Nullable String>> rows = new ArrayList<>();
    int columns = set.getMetaData().getColumnCount();
    while (set.next()) {
      List<@Nullable String> row = new ArrayList<>();
      for (int i = 1; i <= columns; i++) {
        row.add(set.getString(i));
      }
      rows.add(row);
    }
    return rows;
  }
}
