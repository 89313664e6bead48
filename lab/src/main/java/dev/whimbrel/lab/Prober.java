package dev.whimbrel.lab;

import dev.whimbrel.lab.Alternation.Accepted;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Tries a real write on both databases every five milliseconds, with the rights of the application
 * and as owner, each over a session of its own, and remembers when which side accepted one. Start
 * it when the target's tables are there and fenced: an empty target is not yet anybody's truth.
 */
public final class Prober implements AutoCloseable {
  private static final long EVERY_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

  private final Queue<Accepted> accepted = new ConcurrentLinkedQueue<>();
  private final List<Thread> threads = new ArrayList<>();
  private volatile boolean stopped;

  private Prober(String sourceUrl, String targetUrl) {
    for (String role : List.of(Shop.PROBER, Shop.OWNER)) {
      start(sourceUrl, true, role);
      start(targetUrl, false, role);
    }
  }

  /**
   * Starts to probe two shops.
   *
   * @param sourceUrl the source's JDBC URL, where roles are trusted
   * @param targetUrl the target's
   */
  public static Prober start(String sourceUrl, String targetUrl) {
    return new Prober(sourceUrl, targetUrl);
  }

  private void start(String url, boolean onSource, String role) {
    Thread thread =
        new Thread(
            () -> probe(url, onSource, role), "probe-" + (onSource ? "source-" : "target-") + role);
    thread.setDaemon(true);
    threads.add(thread);
    thread.start();
  }

  private void probe(String url, boolean onSource, String role) {
    @Nullable Connection session = null;
    long next = System.nanoTime();
    while (!stopped) {
      try {
        if (session == null) {
          session = connect(url, role);
        }
        try (PreparedStatement write =
            session.prepareStatement("UPDATE probes SET n = n + 1 WHERE side = ? AND role = ?")) {
          write.setString(1, onSource ? "source" : "target");
          write.setString(2, role);
          long sent = System.nanoTime();
          if (write.executeUpdate() == 1) {
            accepted.add(new Accepted(onSource, sent, System.nanoTime()));
          }
        }
      } catch (SQLException e) {
        // Refused, or the server is away: neither is a write that was accepted. An error in the
        // middle of a commit may be one, and is counted as none: it can hide, never accuse.
        if (session != null && Answers.connectionBroke(e)) {
          close(session);
          session = null;
        }
      }
      next = Math.max(next + EVERY_NANOS, System.nanoTime() - EVERY_NANOS);
      rest(next - System.nanoTime());
    }
    if (session != null) {
      close(session);
    }
  }

  private static Connection connect(String url, String role) throws SQLException {
    Properties properties = new Properties();
    properties.setProperty("user", role);
    properties.setProperty("ApplicationName", "probe");
    properties.setProperty("connectTimeout", "2");
    properties.setProperty("socketTimeout", "10");
    return java.sql.DriverManager.getConnection(url, properties);
  }

  private static void close(Connection session) {
    try {
      session.close();
    } catch (SQLException e) {
      // It was broken already.
    }
  }

  private static void rest(long nanos) {
    try {
      TimeUnit.NANOSECONDS.sleep(nanos);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** How often the writable side is proved to have changed so far. */
  public int changesOfSide() {
    return Alternation.fewestChanges(List.copyOf(accepted));
  }

  /** How many writes a side has accepted so far. */
  public long acceptedOnSource() {
    return accepted.stream().filter(Accepted::onSource).count();
  }

  /** How many writes a side has accepted so far. */
  public long acceptedOnTarget() {
    return accepted.stream().filter(write -> !write.onSource()).count();
  }

  /** The longest time in which neither side accepted a write. */
  public Duration longestClosed() {
    long longest = 0;
    long[] answers = accepted.stream().mapToLong(Accepted::answered).sorted().toArray();
    for (int i = 1; i < answers.length; i++) {
      longest = Math.max(longest, answers[i] - answers[i - 1]);
    }
    return Duration.ofNanos(longest);
  }

  /**
   * Fails when both sides are proved to have been writable together.
   *
   * @param handOvers how often the migration handed the writes to the other side
   * @throws AssertionError with the figures
   */
  public void assertAtMostOneWritable(int handOvers) {
    int changes = changesOfSide();
    if (changes > handOvers) {
      throw new AssertionError(
          "Both sides were writable: the writable side changed at least %d times in %d hand-overs (%d writes accepted on the source, %d on the target)"
              .formatted(changes, handOvers, acceptedOnSource(), acceptedOnTarget()));
    }
  }

  /** Stops probing. */
  @Override
  public void close() {
    stopped = true;
    for (Thread thread : threads) {
      try {
        thread.join(TimeUnit.SECONDS.toMillis(15));
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
