package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import dev.whimbrel.servers.PostgresServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * Tries a write on both sides every few milliseconds, as the tables' owner and as an application,
 * and remembers when one was accepted.
 */
final class Prober implements AutoCloseable {
  /** An accepted write. */
  record Accepted(Side side, long began, long ended) {}

  private final List<Accepted> accepted = Collections.synchronizedList(new ArrayList<>());
  private final List<Thread> threads = new ArrayList<>();
  private volatile boolean stop;

  Prober(Pairs pair, String database) {
    for (Side side : Side.values()) {
      for (String role : List.of("postgres", "app")) {
        PostgresServer server = side == Side.SOURCE ? pair.source() : pair.target();
        Thread thread = new Thread(() -> run(server, side, role, database), "prober-" + side);
        thread.setDaemon(true);
        threads.add(thread);
        thread.start();
      }
    }
  }

  /**
   * Moments at which both sides took writes: a write accepted on the side that is left, begun after
   * one had been accepted on the side that is gone to.
   */
  List<String> overlaps(Side from) {
    long firstOnGaining = firstOn(from.other());
    List<Accepted> all = List.copyOf(accepted);
    List<String> overlaps = new ArrayList<>();
    for (Accepted one : all) {
      if (one.side() == from && one.began() > firstOnGaining) {
        overlaps.add(
            "%s took a write %d ms after %s had"
                .formatted(from, (one.began() - firstOnGaining) / 1_000_000, from.other()));
      }
    }
    return overlaps;
  }

  /** When a write was first accepted on a side; far in the future where none was. */
  long firstOn(Side side) {
    return List.copyOf(accepted).stream()
        .filter(a -> a.side() == side)
        .mapToLong(Accepted::ended)
        .min()
        .orElse(Long.MAX_VALUE);
  }

  /** How long no side took a write before {@code gaining} took its first. */
  Duration closed(Side gaining) {
    long last =
        List.copyOf(accepted).stream()
            .filter(a -> a.side() != gaining)
            .mapToLong(Accepted::ended)
            .max()
            .orElseThrow();
    return Duration.ofNanos(firstOn(gaining) - last);
  }

  /** Forgets what was seen. */
  void clear() {
    accepted.clear();
  }

  /** Whether a side has taken a write since. */
  boolean accepts(Side side, long sinceNanos) {
    return List.copyOf(accepted).stream().anyMatch(a -> a.side() == side && a.began() > sinceNanos);
  }

  @Override
  public void close() {
    stop = true;
    for (Thread thread : threads) {
      try {
        thread.join(10_000);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private void run(PostgresServer server, Side side, String role, String database) {
    while (!stop) {
      try (Connection connection = server.connect(database, role, null);
          Statement statement = connection.createStatement()) {
        statement.execute("SET lock_timeout = '3s'");
        connection.setAutoCommit(false);
        while (!stop) {
          long began = System.nanoTime();
          boolean took;
          try {
            statement.execute("INSERT INTO entry (writer, n) VALUES (-1, 0)");
            took = true;
          } catch (SQLException e) {
            if (connection.isClosed()
                || e.getSQLState() == null
                || e.getSQLState().startsWith("57P")
                || e.getSQLState().startsWith("08")) {
              throw e;
            }
            took = false;
          }
          long ended = System.nanoTime();
          connection.rollback();
          if (took) {
            accepted.add(new Accepted(side, began, ended));
          }
          Thread.sleep(5);
        }
      } catch (SQLException e) {
        try {
          Thread.sleep(20);
        } catch (InterruptedException interrupted) {
          return;
        }
      } catch (InterruptedException e) {
        return;
      }
    }
  }
}
