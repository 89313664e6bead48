package dev.whimbrel.servers;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * An HTTP server on 127.0.0.1 before a stand-in for a cloud's service. It keeps a journal of all
 * calls, lets chosen ones go wrong, and adds what the stand-in lacks of the real service's
 * behaviour. A subclass knows the service.
 */
public abstract class ServiceFront implements AutoCloseable {
  private static final Duration BACK_END = Duration.ofSeconds(60);

  /** What the client sets itself, or what speaks of one connection only. */
  private static final Set<String> OWN_HEADERS =
      Set.of("host", "connection", "content-length", "expect", "upgrade", "transfer-encoding");

  /** Where an error's name stands, in XML or JSON. */
  private static final Pattern CODE = Pattern.compile("(?:<Code>|\"__type\": \")([^<\"]+)");

  /**
   * One call as it came in and ended.
   *
   * @param operation such as {@code RunInstances}
   * @param asked the parameters, as the service's subclass shows them
   * @param ended the status that was answered, or what went wrong
   */
  public record Call(String operation, String asked, String ended) {
    @Override
    public String toString() {
      return operation + " " + asked + " → " + ended;
    }
  }

  /** A request with its body read. */
  record Asked(String method, URI uri, Map<String, List<String>> headers, String body) {
    Optional<String> header(String name) {
      return headers.entrySet().stream()
          .filter(each -> each.getKey().equalsIgnoreCase(name))
          .flatMap(each -> each.getValue().stream())
          .findFirst();
    }

    Asked with(String otherBody) {
      return new Asked(method, uri, headers, otherBody);
    }
  }

  /** An answer, whole; bodies are text in UTF-8. */
  record Answer(int status, String type, String body) {}

  private final HttpServer server;
  private final ExecutorService threads;
  private final URI behind;
  private final HttpClient client =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
  private final Faults faults = new Faults();
  private final Map<String, Runnable> deeds = new ConcurrentHashMap<>();
  private final Map<String, Runnable> deedsAfter = new ConcurrentHashMap<>();
  private final List<Call> calls = new CopyOnWriteArrayList<>();

  /**
   * Takes a free port; {@link #listen} begins to answer.
   *
   * @param behind where the stand-in answers
   */
  protected ServiceFront(URI behind) {
    this.behind = behind;
    this.threads =
        Executors.newCachedThreadPool(
            task -> {
              Thread thread = new Thread(task, "service front");
              thread.setDaemon(true);
              return thread;
            });
    try {
      this.server =
          HttpServer.create(
              new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, 1}), 0), 0);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    server.setExecutor(threads);
    server.createContext("/", this::serve);
  }

  /** Begins to answer; called when the subclass is complete. */
  void listen() {
    server.start();
  }

  /** What is called, such as {@code RunInstances}. */
  abstract String operation(Asked asked);

  /** The parameters in one line, for the journal. */
  abstract String summary(Asked asked);

  /** An error as the real service would answer it. */
  abstract Answer error(Asked asked, int status, String code, String message);

  /** Answers a call that nothing is to go wrong with; {@link #passOn} asks the stand-in. */
  abstract Answer answer(String operation, Asked asked) throws IOException;

  /** Where clients find the service. */
  public URI endpoint() {
    return URI.create("http://127.0.0.1:" + server.getAddress().getPort());
  }

  /** Every call since the start or the last {@link #forgetCalls}, oldest first. */
  public List<Call> calls() {
    return List.copyOf(calls);
  }

  /** The calls of one operation, oldest first. */
  public List<Call> calls(String operation) {
    return calls.stream().filter(each -> each.operation().equals(operation)).toList();
  }

  /** Begins a new journal. */
  public void forgetCalls() {
    calls.clear();
  }

  /** Lets the next calls of an operation go wrong. */
  public void fail(String operation, int times, Fault fault) {
    faults.add(operation, 0, times, fault);
  }

  /**
   * Breaks the service for its client as the client's death would: {@code letThrough} calls pass,
   * the next one has this fault, and every later one is lost, until {@link #heal}.
   */
  public void breakAfter(int letThrough, Fault fault) {
    faults.add(Faults.EVERY, letThrough, 1, fault);
    faults.add(Faults.EVERY, letThrough, Integer.MAX_VALUE, Fault.REQUEST_LOST);
  }

  /** As {@link #breakAfter}, at the next call of one operation. */
  public void breakAt(String operation, Fault fault) {
    faults.addLast(operation, fault);
  }

  /** Lets somebody else do something just before the next call of an operation is answered. */
  public void meanwhile(String operation, Runnable deed) {
    deeds.put(operation, deed);
  }

  /**
   * Lets somebody do something after the next call of an operation was carried out, and before its
   * answer is sent.
   */
  public void afterwards(String operation, Runnable deed) {
    deedsAfter.put(operation, deed);
  }

  /** Nothing goes wrong any more. */
  public void heal() {
    faults.clear();
    deeds.clear();
    deedsAfter.clear();
  }

  private void serve(HttpExchange exchange) throws IOException {
    try (exchange) {
      Asked asked =
          new Asked(
              exchange.getRequestMethod(),
              exchange.getRequestURI(),
              Map.copyOf(exchange.getRequestHeaders()),
              new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8));
      String operation = operation(asked);
      Optional.ofNullable(deeds.remove(operation)).ifPresent(Runnable::run);
      Optional<Fault> fault = faults.next(operation);
      @Nullable Answer answer = null;
      if (fault.map(Fault::made).orElse(true)) {
        answer = answer(operation, asked);
      }
      if (fault.isPresent()) {
        Fault now = fault.get();
        answer = now.status() == 0 ? null : error(asked, now.status(), now.code(), now.message());
      }
      calls.add(new Call(operation, summary(asked), ended(fault, answer)));
      Optional.ofNullable(deedsAfter.remove(operation)).ifPresent(Runnable::run);
      if (answer == null) {
        return; // closing the exchange without an answer breaks the connection
      }
      exchange.getResponseHeaders().set("Content-Type", answer.type());
      byte[] body = answer.body().getBytes(StandardCharsets.UTF_8);
      int length = body.length;
      exchange.sendResponseHeaders(answer.status(), length == 0 ? -1 : length);
      if (length > 0) {
        exchange.getResponseBody().write(body);
      }
    }
  }

  private static String ended(Optional<Fault> fault, @Nullable Answer answer) {
    if (answer == null) {
      return fault.map(Fault::made).orElse(false) ? "answer lost" : "request lost";
    }
    Matcher code = CODE.matcher(answer.body());
    return answer.status() + (answer.status() >= 400 && code.find() ? " " + code.group(1) : "");
  }

  /** Asks the stand-in and returns its answer. */
  Answer passOn(Asked asked) throws IOException {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(behind.resolve(asked.uri().toString()))
            .timeout(BACK_END)
            .method(asked.method(), HttpRequest.BodyPublishers.ofString(asked.body()));
    List<String> headers = new ArrayList<>();
    asked
        .headers()
        .forEach(
            (name, values) -> {
              if (!OWN_HEADERS.contains(name.toLowerCase(Locale.ROOT))) {
                values.forEach(value -> headers.addAll(List.of(name, value)));
              }
            });
    if (!headers.isEmpty()) {
      request.headers(headers.toArray(String[]::new));
    }
    try {
      HttpResponse<String> response =
          client.send(request.build(), HttpResponse.BodyHandlers.ofString(StandardCharsets.UTF_8));
      return new Answer(
          response.statusCode(),
          response.headers().firstValue("Content-Type").orElse("text/xml"),
          response.body());
    } catch (InterruptedException e) {
      throw ChildProcess.interrupted("ask " + behind, e);
    }
  }

  /** Ends it; the stand-in behind it is not touched. */
  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }
}
