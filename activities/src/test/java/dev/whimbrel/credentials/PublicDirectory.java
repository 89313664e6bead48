package dev.whimbrel.credentials;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * Microsoft's public directory, for a JVM that asks for it by a proxy: it knows no authority but
 * Microsoft's, or is out of reach.
 */
final class PublicDirectory implements AutoCloseable {
  private static final String CONNECT = "CONNECT login.microsoftonline.com:443 ";

  private final TokenService directory =
      TokenService.https((asked, fault) -> AzureAnswers.discovery());
  private final ServerSocket proxy;
  private volatile boolean reachable;

  PublicDirectory() {
    try {
      proxy = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    inTheBackground(this::takeConnections);
  }

  /** Leads a JVM here; the certificate is one for another name. */
  List<String> jvmOptions() {
    return List.of(
        "-Dhttps.proxyHost=127.0.0.1",
        "-Dhttps.proxyPort=" + proxy.getLocalPort(),
        "-Dhttp.nonProxyHosts=localhost|127.0.0.1",
        "-Djdk.internal.httpclient.disableHostnameVerification=true");
  }

  /** From here on it answers that it does not know the authority, or connections just end. */
  void fails(Fault now) {
    reachable = now == Fault.UNKNOWN_AUTHORITY;
    directory.fails(Fault.NONE);
  }

  /** What it was asked since then. */
  List<String> asked() {
    return directory.asked();
  }

  private void takeConnections() {
    try {
      while (true) {
        Socket client = proxy.accept();
        inTheBackground(() -> connect(client));
      }
    } catch (IOException e) {
      // The test has ended.
    }
  }

  private void connect(Socket client) {
    try (client;
        Socket there = new Socket(InetAddress.getLoopbackAddress(), directory.port())) {
      if (!head(client.getInputStream()).startsWith(CONNECT) || !reachable) {
        return;
      }
      client
          .getOutputStream()
          .write("HTTP/1.1 200 Connected\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
      inTheBackground(() -> copy(there, client));
      copy(client, there);
    } catch (IOException e) {
      // Whoever asked sees that it is gone.
    }
  }

  private static String head(InputStream in) throws IOException {
    StringBuilder head = new StringBuilder();
    while (head.indexOf("\r\n\r\n") < 0) {
      int next = in.read();
      if (next < 0) {
        return "";
      }
      head.append((char) next);
    }
    return head.toString();
  }

  private static void copy(Socket from, Socket to) {
    try {
      OutputStream out = to.getOutputStream();
      from.getInputStream().transferTo(out);
      to.shutdownOutput();
    } catch (IOException e) {
      // One side has ended: so does the other.
    }
  }

  private static void inTheBackground(Runnable work) {
    Thread thread = new Thread(work, "public-directory");
    thread.setDaemon(true);
    thread.start();
  }

  @Override
  public void close() {
    directory.close();
    try {
      proxy.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
