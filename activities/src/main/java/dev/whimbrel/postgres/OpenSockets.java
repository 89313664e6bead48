package dev.whimbrel.postgres;

import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.util.Map;
import java.util.Properties;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import javax.net.SocketFactory;
import org.jspecify.annotations.Nullable;
import org.postgresql.ssl.LibPQFactory;

/**
 * The sockets that the driver opens for one session. It makes them by classes that are named in the
 * session's properties, {@code socketFactory} and {@code sslfactory}; these remember what they
 * made.
 */
final class OpenSockets implements AutoCloseable {
  private static final Map<String, OpenSockets> WAITING = new ConcurrentHashMap<>();

  private final String key = UUID.randomUUID().toString();
  private volatile @Nullable Socket plain;
  private volatile @Nullable Socket encrypted;

  private OpenSockets() {}

  /** Waits for a session that is opened with {@link #properties}. */
  static OpenSockets waiting() {
    OpenSockets sockets = new OpenSockets();
    WAITING.put(sockets.key, sockets);
    return sockets;
  }

  /**
   * Without encryption by Kerberos, which the driver does above the socket: a server that asks for
   * it refuses the session.
   */
  Map<String, String> properties() {
    return Map.of(
        "socketFactory",
        Plain.class.getName(),
        "socketFactoryArg",
        key,
        "sslfactory",
        Encrypted.class.getName(),
        "gssEncMode",
        "disable");
  }

  /** What the session speaks through, with encryption where it has one. */
  Socket top() {
    Socket above = encrypted;
    return above == null ? bottom() : above;
  }

  /** The connection itself: closing it ends whoever waits for it at once. */
  Socket bottom() {
    Socket below = plain;
    if (below == null) {
      throw new IllegalStateException("no session was opened with these properties");
    }
    return below;
  }

  /** Ends what was opened, also where the driver is not done with it. */
  void abort() {
    Socket below = plain;
    if (below != null) {
      end(below);
    }
  }

  /** Ends a connection, whoever waits for it now. */
  static void end(Socket socket) {
    try {
      socket.close();
    } catch (IOException e) {
      // It is of no use any more, which is what was wanted.
    }
  }

  /** Remembers no more sockets: the driver makes others to cancel a statement. */
  @Override
  public void close() {
    WAITING.remove(key);
  }

  /** Made by the driver; one that tries several addresses makes a socket for each. */
  public static final class Plain extends SocketFactory {
    private final String key;

    /** Made by the driver with {@code socketFactoryArg}. */
    public Plain(String key) {
      this.key = key;
    }

    @Override
    public Socket createSocket() {
      Socket socket = new Socket();
      OpenSockets waiting = WAITING.get(key);
      if (waiting != null) {
        waiting.plain = socket;
        waiting.encrypted = null;
      }
      return socket;
    }

    @Override
    public Socket createSocket(String host, int port) throws IOException {
      return new Socket(host, port);
    }

    @Override
    public Socket createSocket(String host, int port, InetAddress local, int localPort)
        throws IOException {
      return new Socket(host, port, local, localPort);
    }

    @Override
    public Socket createSocket(InetAddress host, int port) throws IOException {
      return new Socket(host, port);
    }

    @Override
    public Socket createSocket(InetAddress host, int port, InetAddress local, int localPort)
        throws IOException {
      return new Socket(host, port, local, localPort);
    }
  }

  /** The driver's own encryption. */
  public static final class Encrypted extends LibPQFactory {
    private final String key;

    /** Made by the driver with the session's properties. */
    public Encrypted(Properties properties) throws org.postgresql.util.PSQLException {
      super(properties);
      this.key = properties.getProperty("socketFactoryArg", "");
    }

    @Override
    public Socket createSocket(Socket below, String host, int port, boolean closeBelow)
        throws IOException {
      Socket socket = super.createSocket(below, host, port, closeBelow);
      OpenSockets waiting = WAITING.get(key);
      if (waiting != null) {
        waiting.encrypted = socket;
      }
      return socket;
    }
  }
}
