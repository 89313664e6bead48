package dev.whimbrel.checks;

import dev.whimbrel.activity.Failures;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;
import org.jspecify.annotations.Nullable;

/**
 * Asks a URL once, over HTTP/1.1, at an address of the caller's choice: name, {@code Host}, SNI and
 * the certificate's check stay those of the URL, which no client of the JDK can do. Redirects are
 * answers like any other.
 */
final class HttpProbe {
  /** Ends probes at their deadline, also in the middle of a handshake or of a slow body. */
  private static final ScheduledExecutorService DEADLINES =
      Executors.newSingleThreadScheduledExecutor(
          work -> {
            Thread thread = new Thread(work, "probe deadlines");
            thread.setDaemon(true);
            return thread;
          });

  private final SSLSocketFactory tls;

  HttpProbe(SSLSocketFactory tls) {
    this.tls = tls;
  }

  /**
   * A URL of the runbook.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} if it is none, or not of http
   *     or https
   */
  static URI url(String text) {
    try {
      URI url = URI.create(text);
      String scheme = String.valueOf(url.getScheme()).toLowerCase(Locale.ROOT);
      if ((scheme.equals("http") || scheme.equals("https")) && url.getHost() != null) {
        return url;
      }
    } catch (IllegalArgumentException e) {
      // Said below, together with URLs of other kinds.
    }
    throw Failures.needsHelp(
        "Cannot ask '" + text + "': expected a URL such as https://shop.example.com/healthz",
        "correct it in the runbook",
        null);
  }

  /**
   * Asks a URL.
   *
   * @param url http or https
   * @param at the address to ask, or null for the name's own, the first that answers
   * @param limit how long name, connection, handshake and the whole answer may take
   * @return the status
   * @throws IOException with a message for people when there is no complete answer
   */
  int ask(URI url, @Nullable InetAddress at, Duration limit) throws IOException {
    return fetch(url, at, List.of(), limit).status();
  }

  /**
   * As {@link #ask}, with the whole answer.
   *
   * @param headers lines of the request, such as {@code Cookie: session=1}
   */
  HttpAnswer fetch(URI url, @Nullable InetAddress at, List<String> headers, Duration limit)
      throws IOException {
    long deadline = System.nanoTime() + limit.toNanos();
    String host = host(url);
    InetAddress[] addresses = at == null ? InetAddress.getAllByName(host) : new InetAddress[] {at};
    IOException last = new IOException(host + " has no address");
    for (InetAddress address : addresses) {
      try {
        return fetch(url, host, address, headers, deadline, limit);
      } catch (SocketTimeoutException e) {
        throw e;
      } catch (IOException e) {
        last = e;
      }
    }
    throw last;
  }

  private HttpAnswer fetch(
      URI url,
      String host,
      InetAddress address,
      List<String> headers,
      long deadline,
      Duration limit)
      throws IOException {
    boolean secure = "https".equalsIgnoreCase(url.getScheme());
    int port = url.getPort() > 0 ? url.getPort() : secure ? 443 : 80;
    try (Socket plain = new Socket()) {
      ScheduledFuture<?> end =
          DEADLINES.schedule(
              () -> close(plain), deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
      try {
        plain.setTcpNoDelay(true);
        plain.connect(new InetSocketAddress(address, port), 0);
        Socket socket = secure ? handshake(plain, host, port) : plain;
        long sent = System.nanoTime();
        send(socket.getOutputStream(), url, host, headers);
        return HttpAnswer.read(new BufferedInputStream(socket.getInputStream()), sent);
      } catch (IOException e) {
        if (System.nanoTime() >= deadline) {
          throw new SocketTimeoutException("no complete answer within " + shown(limit));
        }
        throw e;
      } finally {
        end.cancel(false);
      }
    }
  }

  private Socket handshake(Socket plain, String host, int port) throws IOException {
    SSLSocket socket = (SSLSocket) tls.createSocket(plain, host, port, true);
    SSLParameters parameters = socket.getSSLParameters();
    parameters.setEndpointIdentificationAlgorithm("HTTPS");
    socket.setSSLParameters(parameters);
    socket.startHandshake();
    return socket;
  }

  private static void send(OutputStream out, URI url, String host, List<String> headers)
      throws IOException {
    String path = url.getRawPath() == null || url.getRawPath().isEmpty() ? "/" : url.getRawPath();
    String query = url.getRawQuery() == null ? "" : "?" + url.getRawQuery();
    String authority = host.contains(":") ? "[" + host + "]" : host;
    String port = url.getPort() > 0 ? ":" + url.getPort() : "";
    List<String> request =
        new ArrayList<>(
            List.of(
                "GET " + path + query + " HTTP/1.1",
                "Host: " + authority + port,
                "User-Agent: whimbrel",
                "Accept: */*",
                "Connection: close"));
    request.addAll(headers);
    String text = String.join("\r\n", request) + "\r\n\r\n";
    out.write(text.getBytes(StandardCharsets.ISO_8859_1));
    out.flush();
  }

  private static String host(URI url) {
    return url.getHost().replaceAll("^\\[|]$", "");
  }

  private static void close(Socket socket) {
    try {
      socket.close();
    } catch (IOException e) {
      // It is of no use any more, which is what was wanted.
    }
  }

  private static String shown(Duration limit) {
    return limit.toMillis() % 1000 == 0 ? limit.toSeconds() + " s" : limit.toMillis() + " ms";
  }
}
