package dev.whimbrel.lab;

import dev.whimbrel.lab.Ledger.Entry;
import java.io.IOException;
import java.net.InetAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.ARecord;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.SimpleResolver;
import org.xbill.DNS.Type;

/**
 * Clients of the service. They look its name up at the lab's own DNS server and keep the answer for
 * as long as its TTL says, or connect to a balancer, enter every answer of the service into the
 * ledger, and never repeat a write.
 */
public final class ShopClients implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  private final HttpClient http =
      HttpClient.newBuilder()
          .version(HttpClient.Version.HTTP_1_1)
          .connectTimeout(Duration.ofSeconds(5))
          .build();
  private final Ledger ledger;
  private final LookUp lookUp;
  private final int port;
  private final long pauseNanos;
  private final List<Thread> threads = new ArrayList<>();
  private volatile @Nullable Cached cached;
  private volatile boolean stopped;

  private record Cached(InetAddress address, long until) {}

  private ShopClients(Ledger ledger, LookUp lookUp, int port, int count, int perSecond) {
    this.ledger = ledger;
    this.lookUp = lookUp;
    this.port = port;
    this.pauseNanos = TimeUnit.SECONDS.toNanos(1) * count / perSecond;
    for (int i = 1; i <= count; i++) {
      Thread thread = new Thread(this::run, "client-" + i);
      thread.setDaemon(true);
      threads.add(thread);
      thread.start();
    }
  }

  /**
   * Starts clients.
   *
   * @param name the service's name, looked up at 127.0.0.1:{@code dnsPort}
   * @param port where the service listens
   * @param count how many clients
   * @param perSecond how many writes a second all of them make at most
   */
  public static ShopClients start(
      Ledger ledger, String name, int dnsPort, int port, int count, int perSecond) {
    return new ShopClients(ledger, new LookUp(name, dnsPort, true), port, count, perSecond);
  }

  /**
   * Starts clients of this world that decide anew for every write: they look the name up and keep
   * nothing, or connect to its balancer.
   */
  static ShopClients forgetful(Ledger ledger, LabWorld world, int count, int perSecond) {
    return world.isBalanced()
        ? new ShopClients(
            ledger, new LookUp("127.0.0.1", 0, true), world.balancer().port(), count, perSecond)
        : new ShopClients(
            ledger,
            new LookUp(LabWorld.NAME, world.zone().port(), false),
            world.servicePort(),
            count,
            perSecond);
  }

  /**
   * How clients find the service.
   *
   * @param dnsPort the server's port on 127.0.0.1; 0 where the name is an address
   * @param keeps whether an answer is kept as long as its TTL says
   */
  private record LookUp(String name, int dnsPort, boolean keeps) {}

  private void run() {
    long next = System.nanoTime();
    while (!stopped) {
      try {
        write(address());
        next = Math.max(next + pauseNanos, System.nanoTime() - pauseNanos);
        TimeUnit.NANOSECONDS.sleep(next - System.nanoTime());
      } catch (IOException e) {
        ledger.clientError(lookUp.name + " cannot be looked up: " + e.getMessage());
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  private void write(InetAddress address) throws InterruptedException {
    Entry entry = ledger.begin(true);
    URI uri =
        URI.create(
            "http://%s:%d/orders?write=%d"
                .formatted(address.getHostAddress(), port, entry.writeId()));
    HttpRequest request =
        HttpRequest.newBuilder(uri)
            .timeout(PATIENCE)
            .POST(HttpRequest.BodyPublishers.noBody())
            .build();
    try {
      HttpResponse<String> answer = http.send(request, BodyHandlers.ofString());
      switch (answer.statusCode()) {
        case 201 -> ledger.acknowledged(entry, Long.parseLong(answer.body()));
        case 503 -> ledger.refused(entry, answer.body());
        default -> ledger.inDoubt(entry, answer.statusCode() + " " + answer.body());
      }
    } catch (IOException e) {
      ledger.inDoubt(entry, e.toString());
    }
  }

  /** The address that clients use now. */
  public InetAddress address() throws IOException {
    Cached known = cached;
    if (lookUp.dnsPort == 0) {
      return InetAddress.getByName(lookUp.name);
    }
    if (lookUp.keeps && known != null && System.nanoTime() < known.until) {
      return known.address;
    }
    SimpleResolver resolver =
        new SimpleResolver(InetAddress.getByAddress(new byte[] {127, 0, 0, 1}));
    resolver.setPort(lookUp.dnsPort);
    resolver.setTimeout(Duration.ofSeconds(2));
    Record question = Record.newRecord(Name.fromString(lookUp.name, Name.root), Type.A, DClass.IN);
    for (Record each : resolver.send(Message.newQuery(question)).getSection(Section.ANSWER)) {
      if (each instanceof ARecord a) {
        long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(a.getTTL());
        cached = new Cached(a.getAddress(), until);
        return a.getAddress();
      }
    }
    throw new IOException("no address record");
  }

  /** The address that clients used last, or "nobody" before the first look-up. */
  public String lastAddress() {
    Cached known = cached;
    return known == null ? "nobody" : known.address.getHostAddress();
  }

  /** Stops after each client's current write. */
  @Override
  public void close() {
    stopped = true;
    for (Thread thread : threads) {
      try {
        thread.join(PATIENCE.toMillis() + 1_000);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
