package dev.whimbrel.traffic;

import com.sun.net.httpserver.HttpServer;
import dev.whimbrel.servers.HaproxyServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;

/** A small service on 127.0.0.2 (blue) and 127.0.0.3 (green), and clients that count answers. */
final class TwoStacks implements AutoCloseable {
  private final Map<String, HttpServer> stacks = new ConcurrentHashMap<>();
  private final List<Thread> clients = new ArrayList<>();
  private final Map<String, AtomicInteger> answers = new ConcurrentHashMap<>();
  private volatile boolean over;

  TwoStacks() throws IOException {
    start("blue", (byte) 2);
    start("green", (byte) 3);
  }

  private void start(String name, byte last) throws IOException {
    InetAddress address = InetAddress.getByAddress(new byte[] {127, 0, 0, last});
    HttpServer server = HttpServer.create(new InetSocketAddress(address, 0), 200);
    ExecutorService threads = Executors.newFixedThreadPool(4, TwoStacks::daemon);
    server.setExecutor(threads);
    server.createContext(
        "/",
        exchange -> {
          // No body: it would be a packet of its own, which waits for the client's delayed ACK.
          exchange.getResponseHeaders().add("Stack", name);
          exchange.sendResponseHeaders(200, -1);
          exchange.close();
        });
    server.start();
    stacks.put(name, server);
  }

  /** HAProxy with all of the traffic on blue. */
  HaproxyServer.Builder balancer() {
    return HaproxyServer.backend("app")
        .server("blue", at("blue"), 100)
        .server("green", at("green"), 0);
  }

  String at(String name) {
    InetSocketAddress address = Objects.requireNonNull(stacks.get(name)).getAddress();
    return address.getAddress().getHostAddress() + ":" + address.getPort();
  }

  /** Keeps four clients busy with requests through a balancer. */
  TwoStacks load(HaproxyServer balancer) {
    for (int i = 0; i < 4; i++) {
      Thread client = daemon(() -> ask(balancer));
      client.start();
      clients.add(client);
    }
    return this;
  }

  private void ask(HaproxyServer balancer) {
    HttpClient client =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(Duration.ofSeconds(5))
            .build();
    HttpRequest request =
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + balancer.port() + "/"))
            .timeout(Duration.ofSeconds(5))
            .build();
    while (!over) {
      String answer;
      try {
        HttpResponse<Void> response = client.send(request, HttpResponse.BodyHandlers.discarding());
        answer = response.headers().firstValue("Stack").orElse("failed");
      } catch (IOException e) {
        answer = "failed";
      } catch (InterruptedException e) {
        return;
      }
      answers.computeIfAbsent(answer, key -> new AtomicInteger()).incrementAndGet();
    }
  }

  /** Waits for so many answers from now on, and says who gave them. */
  Map<String, Integer> next(int count) throws InterruptedException {
    Map<String, Integer> before = counts();
    long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    Map<String, Integer> now = counts();
    while (sum(now) - sum(before) < count) {
      if (System.nanoTime() > deadline) {
        throw new IllegalStateException("no " + count + " answers in a minute: " + now);
      }
      Thread.sleep(5);
      now = counts();
    }
    now.replaceAll((name, value) -> value - before.getOrDefault(name, 0));
    now.values().removeIf(value -> value == 0);
    return now;
  }

  int failed() {
    return counts().getOrDefault("failed", 0);
  }

  private Map<String, Integer> counts() {
    Map<String, Integer> counts = new ConcurrentHashMap<>();
    answers.forEach((name, count) -> counts.put(name, count.get()));
    return counts;
  }

  private static int sum(Map<String, Integer> counts) {
    return counts.values().stream().mapToInt(Integer::intValue).sum();
  }

  private static Thread daemon(Runnable work) {
    Thread thread = new Thread(work, "two stacks");
    thread.setDaemon(true);
    return thread;
  }

  @Override
  public void close() {
    over = true;
    clients.forEach(Thread::interrupt);
    stacks.values().forEach(stack -> stack.stop(0));
  }
}
