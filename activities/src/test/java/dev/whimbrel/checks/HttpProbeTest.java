package dev.whimbrel.checks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLHandshakeException;
import javax.net.ssl.SSLSocketFactory;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HttpProbeTest {
  private static final InetAddress HERE = InetAddress.getLoopbackAddress();
  private static final Duration SOON = Duration.ofSeconds(20);

  private final BlockingQueue<String> journal = new LinkedBlockingQueue<>();

  @Test
  void keepsTheNameWhenItIsSentToAnAddress() throws Exception {
    HttpServer server = HttpServer.create(new InetSocketAddress(HERE, 0), 0);
    try {
      serve(server);
      String name = "shop.example.com:" + server.getAddress().getPort();

      int status = probe().ask(URI.create("http://" + name + "/healthz?deep=1"), HERE, SOON);

      assertThat(status).isEqualTo(200);
      assertThat(journal).containsExactly("/healthz?deep=1 for " + name);
    } finally {
      server.stop(0);
    }
  }

  @Test
  void checksTheCertificateForTheNameAndNotForTheAddress(@TempDir Path directory) throws Exception {
    SSLContext tls = certificateOf("shop.example.com", directory);
    HttpsServer server = HttpsServer.create(new InetSocketAddress(HERE, 0), 0);
    server.setHttpsConfigurator(new HttpsConfigurator(tls));
    try {
      serve(server);
      HttpProbe probe = new HttpProbe(tls.getSocketFactory());
      int port = server.getAddress().getPort();

      assertThat(probe.ask(URI.create("https://shop.example.com:" + port), HERE, SOON))
          .isEqualTo(200);
      assertThatThrownBy(
              () -> probe.ask(URI.create("https://other.example.com:" + port), HERE, SOON))
          .isInstanceOf(SSLHandshakeException.class)
          .hasMessageContaining("other.example.com");
      assertThatThrownBy(
              () -> probe().ask(URI.create("https://shop.example.com:" + port), HERE, SOON))
          .isInstanceOf(SSLHandshakeException.class)
          .hasMessageContaining("unable to find valid certification path");
    } finally {
      server.stop(0);
    }
  }

  @Test
  void takesARedirectForAnAnswer() throws Exception {
    assertThat(answer("HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n"))
        .isEqualTo(302);
  }

  @Test
  void readsBodiesOfEveryKind() throws Exception {
    assertThat(answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")).isEqualTo(200);
    assertThat(answer("HTTP/1.0 200 OK\r\n\r\nto the end")).isEqualTo(200);
    assertThat(
            answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nok\r\n0\r\n\r\n"))
        .isEqualTo(200);
    assertThat(answer("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"))
        .isEqualTo(204);
  }

  @Test
  void doesNotTakeHalfAnAnswerForOne() {
    assertThatThrownBy(() -> answer("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"))
        .hasMessage("the answer broke off in its body");
    assertThatThrownBy(() -> answer("HTTP/1.1 200 OK\r\nConte"))
        .hasMessage("the connection was closed before the answer was complete");
    assertThatThrownBy(() -> answer("SSH-2.0-OpenSSH\r\n"))
        .hasMessage("the answer is not HTTP/1.1");
  }

  @Test
  void endsAtItsLimitAlsoWhenTheAnswerDripsIn() throws Exception {
    try (ServerSocket server = new ServerSocket(0, 1, HERE)) {
      background(
          () -> {
            try (Socket socket = server.accept()) {
              while (true) {
                socket.getOutputStream().write("HTTP/1.1 200 ".getBytes(StandardCharsets.UTF_8));
                Thread.sleep(20);
              }
            }
          });
      long start = System.nanoTime();

      assertThatThrownBy(
              () ->
                  probe()
                      .ask(
                          URI.create("http://shop.example.com:" + server.getLocalPort()),
                          HERE,
                          Duration.ofMillis(300)))
          .hasMessage("no complete answer within 300 ms");

      assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(30));
    }
  }

  @Test
  void refusesWhatIsNoUrlOfTheWeb() {
    assertThatThrownBy(() -> HttpProbe.url("ftp://shop.example.com"))
        .hasMessageContaining(
            "Cannot ask 'ftp://shop.example.com': expected a URL such as https://shop.example.com/healthz");
    assertThatThrownBy(() -> HttpProbe.url("http://a b")).hasMessageContaining("Cannot ask");
  }

  private int answer(String text) throws IOException {
    try (ServerSocket server = new ServerSocket(0, 1, HERE)) {
      background(
          () -> {
            try (Socket socket = server.accept()) {
              InputStream in = socket.getInputStream();
              int newlines = 0;
              while (newlines < 2) {
                int c = in.read();
                newlines = c == '\n' ? newlines + 1 : c == '\r' ? newlines : 0;
              }
              socket.getOutputStream().write(text.getBytes(StandardCharsets.ISO_8859_1));
            }
          });
      return probe()
          .ask(URI.create("http://shop.example.com:" + server.getLocalPort()), HERE, SOON);
    }
  }

  private interface Work {
    void run() throws Exception;
  }

  private static void background(Work work) {
    Thread thread =
        new Thread(
            () -> {
              try {
                work.run();
              } catch (Exception e) {
                // The client has gone away, which ends this server.
              }
            });
    thread.setDaemon(true);
    thread.start();
  }

  private void serve(HttpServer server) {
    server.createContext(
        "/",
        exchange -> {
          journal.add(
              exchange.getRequestURI() + " for " + exchange.getRequestHeaders().getFirst("Host"));
          exchange.sendResponseHeaders(200, 0);
          exchange.close();
        });
    server.start();
  }

  private static HttpProbe probe() {
    return new HttpProbe((SSLSocketFactory) SSLSocketFactory.getDefault());
  }

  /** A server and a client that know a certificate of this name and no other. */
  private static SSLContext certificateOf(String name, Path directory) throws Exception {
    Path file = directory.resolve("keys.p12");
    List<String> keytool =
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
            "-genkeypair",
            "-keystore",
            file.toString(),
            "-storetype",
            "PKCS12",
            "-storepass",
            "changeit",
            "-alias",
            "web",
            "-keyalg",
            "EC",
            "-dname",
            "CN=web",
            "-ext",
            "san=dns:" + name);
    Process process = new ProcessBuilder(keytool).redirectErrorStream(true).start();
    assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    KeyStore keys = KeyStore.getInstance("PKCS12");
    try (InputStream in = Files.newInputStream(file)) {
      keys.load(in, "changeit".toCharArray());
    }
    KeyStore trusted = KeyStore.getInstance("PKCS12");
    trusted.load(null, null);
    trusted.setCertificateEntry("web", keys.getCertificate("web"));
    KeyManagerFactory server =
        KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    server.init(keys, "changeit".toCharArray());
    TrustManagerFactory client =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    client.init(trusted);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(server.getKeyManagers(), client.getTrustManagers(), null);
    return context;
  }
}
