package dev.whimbrel.servers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

@Needs(Program.HAPROXY)
class HaproxyServerTest {
  private HttpServer blue;
  private HttpServer green;

  @BeforeEach
  void startBoth() throws IOException {
    blue = answering((byte) 2, "blue");
    green = answering((byte) 3, "green");
  }

  @AfterEach
  void stopBoth() {
    blue.stop(0);
    green.stop(0);
  }

  @Test
  void splitsByTheWeightsThatItIsTold() {
    try (HaproxyServer haproxy = start()) {
      Map<String, Integer> before = ask(haproxy, 20);

      haproxy.command("set server app/blue weight 75");
      haproxy.command("set server app/green weight 25");

      assertThat(before).isEqualTo(Map.of("blue", 20));
      assertThat(haproxy.command("get weight app/green")).startsWith("25 (initial 0)");
      assertThat(ask(haproxy, 40)).isEqualTo(Map.of("blue", 30, "green", 10));
    }
  }

  @Test
  void losesItsWeightsInAReloadAndReadsItsFileAgain() throws IOException {
    try (HaproxyServer haproxy = start()) {
      haproxy.command("set server app/green weight 50");
      haproxy.reload();
      String lost = haproxy.command("get weight app/green");

      String file = Files.readString(haproxy.file());
      Files.writeString(
          haproxy.file(),
          file.replaceAll("(server blue .*) weight 100", "$1 weight 0")
              .replaceAll("(server green .*) weight 0", "$1 weight 100"));
      haproxy.kill9();
      haproxy.start();

      assertThat(lost).startsWith("0 (initial 0)");
      assertThat(ask(haproxy, 20)).isEqualTo(Map.of("green", 20));
    }
  }

  @Test
  void answersAWrongCommandByPlainText() {
    try (HaproxyServer haproxy = start()) {
      assertThat(haproxy.command("get weight app/red")).contains("No such server.");
      assertThat(haproxy.command("set server app/blue weight 300"))
          .contains("Absolute weight can only be between 0 and 256 inclusive");
    }
  }

  @Test
  void isGoneWhenItIsClosed() {
    HaproxyServer haproxy = start();

    haproxy.close();

    assertThat(haproxy.file()).doesNotExist();
    assertThatThrownBy(() -> haproxy.command("show info"))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageContaining("Connection refused");
  }

  private HaproxyServer start() {
    return HaproxyServer.backend("app")
        .server("blue", address(blue), 100)
        .server("green", address(green), 0)
        .start();
  }

  private static Map<String, Integer> ask(HaproxyServer haproxy, int times) {
    Map<String, Integer> answers = new TreeMap<>();
    for (int i = 0; i < times; i++) {
      String url = "http://127.0.0.1:" + haproxy.port() + "/";
      answers.merge(HttpQuestion.ask(HttpQuestion.to(url).build()), 1, Integer::sum);
    }
    return answers;
  }

  private static HttpServer answering(byte last, String name) throws IOException {
    InetAddress address = InetAddress.getByAddress(new byte[] {127, 0, 0, last});
    HttpServer server = HttpServer.create(new InetSocketAddress(address, 0), 0);
    byte[] body = name.getBytes(StandardCharsets.UTF_8);
    server.createContext(
        "/",
        exchange -> {
          exchange.sendResponseHeaders(200, body.length);
          exchange.getResponseBody().write(body);
          exchange.close();
        });
    server.start();
    return server;
  }

  private static String address(HttpServer server) {
    return server.getAddress().getAddress().getHostAddress() + ":" + server.getAddress().getPort();
  }
}
