package dev.whimbrel.servers;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** One connection through a {@link Relay}: a reader and a writer for each direction. */
final class RelayedConnection {
  /** More than any test has on its way at once; beyond it the sender is slowed down. */
  private static final int BYTES_ON_THE_WAY = 64 << 20;

  private static final byte[] END = new byte[0];
  private static final byte[] RESET = new byte[0];

  private final Socket client;
  private final Socket server = new Socket();
  private final InetSocketAddress to;
  private final Relay.Gate gate;
  private final Supplier<Duration> oneWay;
  private final Consumer<RelayedConnection> whenGone;
  private final AtomicBoolean gone = new AtomicBoolean();
  private final Wire forth = new Wire();
  private final Wire back = new Wire();

  RelayedConnection(
      Socket client,
      InetSocketAddress to,
      Relay.Gate gate,
      Supplier<Duration> oneWay,
      Consumer<RelayedConnection> whenGone) {
    this.client = client;
    this.to = to;
    this.gate = gate;
    this.oneWay = oneWay;
    this.whenGone = whenGone;
  }

  void start() {
    // The handshake that the client believes to have had.
    forth.extraNanos = oneWay.get().toNanos() * 2;
    daemon("relay-forth-in", () -> read(client, forth));
    daemon("relay-forth-out", this::connectAndWriteForth);
  }

  private void connectAndWriteForth() {
    try {
      gate.pass();
      server.connect(to, 10_000);
      server.setTcpNoDelay(true);
      client.setTcpNoDelay(true);
    } catch (IOException e) {
      reset();
      return;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return;
    }
    daemon("relay-back-in", () -> read(server, back));
    daemon("relay-back-out", () -> write(back, client));
    write(forth, server);
  }

  private void read(Socket from, Wire wire) {
    byte[] buffer = new byte[64 << 10];
    try {
      InputStream in = from.getInputStream();
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        wire.put(Arrays.copyOf(buffer, n), oneWay.get());
      }
      wire.put(END, oneWay.get());
    } catch (IOException e) {
      wire.put(RESET, oneWay.get());
    }
  }

  private void write(Wire wire, Socket into) {
    try {
      OutputStream out = into.getOutputStream();
      while (true) {
        byte[] bytes = wire.take(gate);
        if (bytes == RESET) {
          reset();
          return;
        }
        if (bytes == END) {
          into.shutdownOutput();
          if (wire.otherEnded(forth, back)) {
            close();
          }
          return;
        }
        out.write(bytes);
      }
    } catch (IOException e) {
      reset();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Resets both ends at once. */
  void reset() {
    linger(client);
    linger(server);
    close();
  }

  private static void linger(Socket socket) {
    try {
      socket.setSoLinger(true, 0);
    } catch (IOException e) {
      // Closed already.
    }
  }

  private void close() {
    if (!gone.compareAndSet(false, true)) {
      return;
    }
    try (client;
        server) {
      whenGone.accept(this);
    } catch (IOException e) {
      // Closed already.
    }
    forth.put(RESET, Duration.ZERO);
    back.put(RESET, Duration.ZERO);
  }

  static void daemon(String name, Runnable work) {
    Thread thread = new Thread(work, name);
    thread.setDaemon(true);
    thread.start();
  }

  /** Bytes on their way in one direction, each chunk with the time at which it arrives. */
  private static final class Wire {
    private static final class Chunk {
      private final byte[] bytes;
      private final long arrives;

      Chunk(byte[] bytes, long arrives) {
        this.bytes = bytes;
        this.arrives = arrives;
      }
    }

    private final BlockingQueue<Chunk> chunks = new LinkedBlockingQueue<>();
    private final Semaphore room = new Semaphore(BYTES_ON_THE_WAY);
    private volatile boolean ended;
    private long extraNanos;

    void put(byte[] bytes, Duration delay) {
      room.acquireUninterruptibly(bytes.length);
      chunks.add(new Chunk(bytes, System.nanoTime() + delay.toNanos() + extraNanos));
      extraNanos = 0;
    }

    byte[] take(Relay.Gate gate) throws InterruptedException {
      Chunk chunk = chunks.take();
      TimeUnit.NANOSECONDS.sleep(chunk.arrives - System.nanoTime());
      gate.pass();
      room.release(chunk.bytes.length);
      ended = chunk.bytes == END;
      return chunk.bytes;
    }

    boolean otherEnded(Wire one, Wire other) {
      return (this == one ? other : one).ended;
    }
  }
}
