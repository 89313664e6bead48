package dev.whimbrel.traffic;

import dev.whimbrel.servers.HaproxyServer;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/**
 * A way to HAProxy's runtime API on which one command goes wrong, once. Keeps a journal of what
 * HAProxy was really told.
 */
final class FaultyAdmin implements AutoCloseable {
  private final HaproxyServer haproxy;
  private final ServerSocket listener;
  private final List<String> journal = new CopyOnWriteArrayList<>();
  private final List<Socket> hanging = new CopyOnWriteArrayList<>();
  private volatile @Nullable Plan plan;
  private volatile @Nullable Integer allowed;

  FaultyAdmin(HaproxyServer haproxy) throws IOException {
    this.haproxy = haproxy;
    this.listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    Thread thread = new Thread(this::accept, "faulty admin");
    thread.setDaemon(true);
    thread.start();
  }

  /** What goes wrong. */
  enum Fault {
    /** The connection is closed before anything was done. */
    CLOSED,
    /** Nothing is done, and nothing is answered. */
    SILENT,
    /** The command is done, and the connection closed without its answer. */
    ANSWER_LOST,
    /** The command is refused, as at a socket of level user. */
    DENIED,
    /** The command is refused: there is no such server. */
    NO_SUCH_SERVER,
    /** Somebody else has set another weight right before. */
    CHANGED_BEFORE,
    /** Somebody else sets another weight right after. */
    CHANGED_AFTER
  }

  private record Plan(String command, Fault fault) {}

  /** Lets the next command that begins like this go wrong. */
  void next(String command, Fault fault) {
    plan = new Plan(command, fault);
  }

  /** Lets nothing through any more once so many changes were made; null lets everything through. */
  void dieAfter(@Nullable Integer changes) {
    allowed = changes;
  }

  /** Whether the fault that was planned has happened. */
  boolean happened() {
    return plan == null;
  }

  String address() {
    return "127.0.0.1:" + listener.getLocalPort();
  }

  /** The changes that HAProxy was told, in order. */
  List<String> journal() {
    return journal.stream().filter(each -> each.startsWith("set ")).toList();
  }

  private void accept() {
    while (!listener.isClosed()) {
      Socket client = null;
      try {
        client = listener.accept();
        BufferedReader reader =
            new BufferedReader(
                new InputStreamReader(client.getInputStream(), StandardCharsets.UTF_8));
        String command = String.valueOf(reader.readLine());
        Plan now = plan;
        Integer limit = allowed;
        if (limit != null && journal().size() >= limit && command.startsWith("set ")) {
          allowed = -1;
        }
        if (Integer.valueOf(-1).equals(allowed)) {
          answer(client, "");
        } else if (now != null && command.startsWith(now.command())) {
          plan = null;
          if (now.fault() == Fault.SILENT) {
            hanging.add(client);
            continue;
          }
          answer(client, wrong(command, now.fault()));
        } else {
          answer(client, tell(command));
        }
      } catch (IOException | UncheckedIOException e) {
        // The client or HAProxy is gone: the client hears nothing more.
        close(client);
      }
    }
  }

  private String wrong(String command, Fault fault) {
    switch (fault) {
      case ANSWER_LOST -> tell(command);
      case DENIED -> {
        return "Permission denied\n\n";
      }
      case NO_SUCH_SERVER -> {
        return "No such server.\n\n";
      }
      case CHANGED_BEFORE -> {
        haproxy.command("set server app/green weight 50");
        return tell(command);
      }
      case CHANGED_AFTER -> {
        String answer = tell(command);
        haproxy.command("set server app/green weight 50");
        return answer;
      }
      default -> {}
    }
    return "";
  }

  private String tell(String command) {
    journal.add(command);
    return haproxy.command(command);
  }

  private static void answer(Socket client, String text) throws IOException {
    try (client) {
      client.getOutputStream().write(text.getBytes(StandardCharsets.UTF_8));
    }
  }

  private static void close(@Nullable Socket client) {
    try {
      if (client != null) {
        client.close();
      }
    } catch (IOException e) {
      // It is gone, which is what was wanted.
    }
  }

  @Override
  public void close() throws IOException {
    listener.close();
    for (Socket each : hanging) {
      each.close();
    }
  }
}
