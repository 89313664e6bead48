package dev.whimbrel.servers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class RelayTest {
  private ServerSocket echo;

  @BeforeEach
  void startEcho() throws IOException {
    echo = new ServerSocket();
    echo.bind(new InetSocketAddress(Relay.localhost(), 0));
    RelayedConnection.daemon("echo", this::serve);
  }

  @AfterEach
  void stopEcho() throws IOException {
    echo.close();
  }

  @Test
  void addsItsDelayToEachDirectionAndTheHandshakesToTheFirstBytes() throws Exception {
    try (Relay relay = Relay.to(echo.getLocalPort(), Duration.ofMillis(30));
        Client client = new Client(relay)) {
      assertThat(client.roundTripMillis(1)).isBetween(120L, 400L);
      assertThat(client.roundTripMillis(2)).isBetween(60L, 200L);
    }
  }

  @Test
  void doesNotMakeOneMessageWaitForTheOneBeforeIt() throws Exception {
    try (Relay relay = Relay.to(echo.getLocalPort(), Duration.ofMillis(50));
        Client client = new Client(relay)) {
      client.roundTripMillis(0);
      long started = System.nanoTime();

      for (int i = 1; i <= 50; i++) {
        client.out.writeInt(i);
      }
      for (int i = 1; i <= 50; i++) {
        assertThat(client.in.readInt()).isEqualTo(i);
      }

      assertThat((System.nanoTime() - started) / 1_000_000).isBetween(100L, 600L);
    }
  }

  @Test
  void aBlackHoleSwallowsEverythingInSilenceAndDeliversItWhenHealed() throws Exception {
    try (Relay relay = Relay.to(echo.getLocalPort());
        Client client = new Client(relay)) {
      client.roundTripMillis(1);

      relay.blackhole();
      client.out.writeInt(2);
      client.out.write(new byte[4_000_000]);
      try (Client late = new Client(relay)) {
        late.out.writeInt(7);
        assertThatThrownBy(() -> client.in.readInt()).isInstanceOf(SocketTimeoutException.class);
        assertThatThrownBy(() -> late.in.readInt()).isInstanceOf(SocketTimeoutException.class);

        relay.heal();

        assertThat(late.in.readInt()).isEqualTo(7);
      }
      assertThat(client.in.readInt()).isEqualTo(2);
    }
  }

  @Test
  void aCutIsSeenAsAReset() throws Exception {
    try (Relay relay = Relay.to(echo.getLocalPort());
        Client client = new Client(relay)) {
      client.roundTripMillis(1);

      relay.cut();

      assertThatThrownBy(() -> client.in.readInt())
          .isInstanceOf(SocketException.class)
          .hasMessageContaining("reset");
      assertThat(relay.connections()).isZero();
    }
  }

  @Test
  void passesTheEndOfAStreamOn() throws Exception {
    try (Relay relay = Relay.to(echo.getLocalPort());
        Client client = new Client(relay)) {
      client.out.writeInt(9);
      client.socket.shutdownOutput();

      assertThat(client.in.readInt()).isEqualTo(9);
      assertThat(client.in.read()).isEqualTo(-1);
    }
  }

  private void serve() {
    while (!echo.isClosed()) {
      try {
        Socket one = echo.accept();
        RelayedConnection.daemon("echo-one", () -> echo(one));
      } catch (IOException e) {
        return;
      }
    }
  }

  private static void echo(Socket one) {
    try (one) {
      one.setTcpNoDelay(true);
      one.getInputStream().transferTo(one.getOutputStream());
    } catch (IOException e) {
      // The client is gone.
    }
  }

  private static final class Client implements AutoCloseable {
    private final Socket socket;
    private final DataInputStream in;
    private final DataOutputStream out;

    Client(Relay relay) throws IOException {
      socket = new Socket(Relay.localhost(), relay.port());
      socket.setTcpNoDelay(true);
      socket.setSoTimeout(500);
      in = new DataInputStream(socket.getInputStream());
      out = new DataOutputStream(socket.getOutputStream());
    }

    long roundTripMillis(int value) throws IOException {
      long started = System.nanoTime();
      out.writeInt(value);
      assertThat(in.readInt()).isEqualTo(value);
      return (System.nanoTime() - started) / 1_000_000;
    }

    @Override
    public void close() throws IOException {
      socket.close();
    }
  }
}
