package dev.whimbrel.postgres;

import dev.whimbrel.runbook.PostgresUrl;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Properties;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A process of its own that resumes a paused PgBouncer when the one that paused it has died or
 * stands still: two seconds of silence, or the end of its standard input. It reads the console's
 * URL, the password and the database's name, one line each, then words: {@code beat}, {@code
 * paused}, {@code resumed}, {@code done}.
 */
public final class PoolerGuardian {
  static final long SILENCE_MILLIS = 2000;
  private static final long GIVE_UP_MILLIS = 60_000;
  private static final String END = "";

  private PoolerGuardian() {}

  /** Guards until it is told that it is done. */
  public static void main(String[] arguments) throws IOException, InterruptedException {
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    String admin = in.readLine();
    String password = in.readLine();
    String database = in.readLine();
    if (admin == null || password == null || database == null) {
      return;
    }
    try (Connection console = connect(admin, password)) {
      console.getAutoCommit();
    } catch (SQLException e) {
      System.out.println("console: " + e.getSQLState());
      return;
    }
    System.out.println("ready");
    System.out.flush();

    LinkedBlockingQueue<String> words = new LinkedBlockingQueue<>();
    Thread reader = new Thread(() -> read(in, words), "reader");
    reader.setDaemon(true);
    reader.start();
    guard(words, admin, password, database);
  }

  private static void guard(
      LinkedBlockingQueue<String> words, String admin, String password, String database)
      throws InterruptedException {
    boolean paused = false;
    while (true) {
      String word = words.poll(SILENCE_MILLIS, TimeUnit.MILLISECONDS);
      if (word == null || word.equals(END)) {
        if (paused) {
          resume(admin, password, database);
          paused = false;
        }
        if (word != null) {
          return;
        }
      } else if (word.equals("paused")) {
        paused = true;
      } else if (word.equals("resumed")) {
        paused = false;
      } else if (word.equals("done")) {
        return;
      }
    }
  }

  private static void resume(String admin, String password, String database)
      throws InterruptedException {
    long until = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(GIVE_UP_MILLIS);
    while (System.nanoTime() < until) {
      try (Connection console = connect(admin, password);
          Statement statement = console.createStatement()) {
        statement.execute(Pooler.NO_LOGIN_RETRY);
        statement.execute("RESUME " + Quoting.identifier(database));
        return;
      } catch (SQLException e) {
        if (PoolerConsole.already(e)) {
          return;
        }
      }
      Thread.sleep(100);
    }
  }

  private static void read(BufferedReader in, LinkedBlockingQueue<String> words) {
    try {
      for (@Nullable String line = in.readLine(); line != null; line = in.readLine()) {
        words.add(line);
      }
    } catch (IOException e) {
      // The end, by another name.
    }
    words.add(END);
  }

  private static Connection connect(String admin, String password) throws SQLException {
    PostgresUrl url = PostgresUrl.parse(admin);
    Properties properties = new Properties();
    properties.putAll(url.parameters());
    properties.setProperty("user", url.user());
    if (!password.isEmpty()) {
      properties.setProperty("password", password);
    }
    properties.putAll(PoolerConsole.PROPERTIES);
    properties.setProperty("connectTimeout", "2");
    properties.setProperty("socketTimeout", "5");
    String host = url.host().contains(":") ? "[" + url.host() + "]" : url.host();
    return DriverManager.getConnection(
        "jdbc:postgresql://" + host + ":" + url.port() + "/" + url.database(), properties);
  }
}
