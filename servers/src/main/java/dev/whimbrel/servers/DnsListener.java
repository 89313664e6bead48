package dev.whimbrel.servers;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Arrays;
import java.util.function.UnaryOperator;
import org.xbill.DNS.Message;
import org.xbill.DNS.OPTRecord;
import org.xbill.DNS.Section;

/** Answers DNS questions over UDP and TCP on one port of 127.0.0.1. */
final class DnsListener implements AutoCloseable {
  private static final int PLAIN_UDP = 512;
  private static final int MOST = 65_535;
  private static final int IDLE_MILLIS = 10_000;

  private final UnaryOperator<Message> answers;
  private final ServerSocket tcp;
  private final DatagramSocket udp;

  DnsListener(UnaryOperator<Message> answers) {
    this.answers = answers;
    try {
      tcp = new ServerSocket();
      tcp.bind(new InetSocketAddress(Relay.localhost(), Ports.free()), 100);
      udp = new DatagramSocket(new InetSocketAddress(Relay.localhost(), tcp.getLocalPort()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    RelayedConnection.daemon("dns-udp-" + port(), this::serveUdp);
    RelayedConnection.daemon("dns-tcp-" + port(), this::serveTcp);
  }

  int port() {
    return tcp.getLocalPort();
  }

  private void serveUdp() {
    byte[] buffer = new byte[MOST];
    while (!udp.isClosed()) {
      try {
        DatagramPacket packet = new DatagramPacket(buffer, buffer.length);
        udp.receive(packet);
        Message question = new Message(Arrays.copyOf(packet.getData(), packet.getLength()));
        OPTRecord options = question.getOPT();
        int limit = options == null ? PLAIN_UDP : Math.max(PLAIN_UDP, options.getPayloadSize());
        byte[] answer = answer(question).toWire(limit);
        udp.send(new DatagramPacket(answer, answer.length, packet.getSocketAddress()));
      } catch (IOException closedOrNoQuestion) {
        // As a name server does: what cannot be read gets no answer.
      }
    }
  }

  private void serveTcp() {
    while (!tcp.isClosed()) {
      try {
        Socket client = tcp.accept();
        client.setSoTimeout(IDLE_MILLIS);
        RelayedConnection.daemon("dns-client", () -> serve(client));
      } catch (IOException closed) {
        // Asked for by close.
      }
    }
  }

  private void serve(Socket client) {
    try (client;
        DataInputStream in = new DataInputStream(client.getInputStream());
        DataOutputStream out = new DataOutputStream(client.getOutputStream())) {
      while (!tcp.isClosed()) {
        byte[] answer = answer(new Message(in.readNBytes(in.readUnsignedShort()))).toWire(MOST);
        byte[] framed = new byte[answer.length + 2];
        framed[0] = (byte) (answer.length >> 8);
        framed[1] = (byte) answer.length;
        System.arraycopy(answer, 0, framed, 2, answer.length);
        out.write(framed);
        out.flush();
      }
    } catch (IOException gone) {
      // The client has what it wanted.
    }
  }

  private Message answer(Message question) {
    Message answer = answers.apply(question);
    if (question.getOPT() != null) {
      answer.addRecord(new OPTRecord(1232, 0, 0), Section.ADDITIONAL);
    }
    return answer;
  }

  @Override
  public void close() {
    udp.close();
    try {
      tcp.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
