package dev.whimbrel.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * A wire to a server of this machine that is as long, and as unreliable, as a test wants. The delay
 * holds for each direction by itself and does not limit the bandwidth: what is sent while earlier
 * bytes travel arrives right behind them. The round trip of TCP's own handshake is added to a
 * connection's first bytes, since a relay cannot delay the handshake itself.
 */
public final class Relay implements AutoCloseable {
  private final ServerSocket listener;
  private final InetSocketAddress to;
  private final Set<RelayedConnection> connections = ConcurrentHashMap.newKeySet();
  private final Queue<Gate> abandoned = new ConcurrentLinkedQueue<>();
  private volatile Gate gate = new Gate();
  private volatile Duration oneWay;

  private Relay(InetSocketAddress at, InetSocketAddress to, Duration oneWay) {
    this.to = to;
    this.oneWay = oneWay;
    try {
      listener = new ServerSocket();
      listener.bind(at, 200);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    RelayedConnection.daemon("relay-" + listener.getLocalPort() + "-accept", this::accept);
  }

  /** A relay to a port that adds no delay. */
  public static Relay to(int port) {
    return to(port, Duration.ZERO);
  }

  /** A relay to a port that adds a delay to each direction: a round trip costs it twice. */
  public static Relay to(int port, Duration oneWay) {
    return new Relay(local(Ports.free()), local(port), oneWay);
  }

  /**
   * A relay without a delay between the same port of two addresses of this machine.
   *
   * @param at where it listens, such as {@code 127.0.0.4}
   * @param to where the server listens
   */
  public static Relay between(String at, String to, int port) {
    return new Relay(
        new InetSocketAddress(at, port), new InetSocketAddress(to, port), Duration.ZERO);
  }

  /** Where clients connect to instead. */
  public int port() {
    return listener.getLocalPort();
  }

  /** Changes the delay for bytes that arrive from now on. */
  public void delay(Duration newOneWay) {
    oneWay = newOneWay;
  }

  /**
   * From now on nothing passes, in either direction, and neither end is told: the relay goes on
   * accepting connections and acknowledging bytes, as a frozen proxy or a broken tunnel does.
   */
  public void blackhole() {
    gate.shut();
  }

  /**
   * Ends a {@link #blackhole}. What was held back is delivered late, in order, as after a partition
   * of the network; connections that were opened meanwhile reach their server now.
   */
  public void heal() {
    gate.open();
  }

  /**
   * As {@link #blackhole} for the connections that are open now, for good; whoever connects from
   * now on reaches the server, as behind a router that has forgotten its connections.
   */
  public void abandon() {
    Gate shut = gate;
    abandoned.add(shut);
    gate = new Gate();
    shut.shut();
  }

  /** Resets every connection (RST to both ends); what was on its way is lost. */
  public void cut() {
    connections.forEach(RelayedConnection::reset);
  }

  /** How many connections are open now. */
  public int connections() {
    return connections.size();
  }

  /** Cuts every connection and stops listening. */
  @Override
  public void close() {
    try {
      listener.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    cut();
    gate.open();
    abandoned.forEach(Gate::open);
  }

  private void accept() {
    while (!listener.isClosed()) {
      try {
        Socket client = listener.accept();
        RelayedConnection connection =
            new RelayedConnection(client, to, gate, () -> oneWay, connections::remove);
        connections.add(connection);
        connection.start();
      } catch (IOException e) {
        // Closed, or a client that was gone before it was accepted.
      }
    }
  }

  private static InetSocketAddress local(int port) {
    try {
      return new InetSocketAddress(localhost(), port);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static InetAddress localhost() throws IOException {
    return InetAddress.getByAddress(new byte[] {127, 0, 0, 1});
  }

  /** Lets everything pass, or nothing. */
  static final class Gate {
    private boolean open = true;

    synchronized void shut() {
      open = false;
    }

    synchronized void open() {
      open = true;
      notifyAll();
    }

    synchronized void pass() throws InterruptedException {
      while (!open) {
        wait();
      }
    }
  }
}
