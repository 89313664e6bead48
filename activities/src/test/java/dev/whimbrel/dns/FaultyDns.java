package dev.whimbrel.dns;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Arrays;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Header;
import org.xbill.DNS.Message;
import org.xbill.DNS.Opcode;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/** A wire to a DNS server, over UDP and TCP on one port, on which one message can go wrong. */
final class FaultyDns implements AutoCloseable {
  private static final int LONGEST = 65_535;
  private static final int PATIENCE_MILLIS = 5_000;

  /** What can go wrong. */
  enum Fault {
    REQUEST_LOST("the request is lost"),
    ANSWER_LOST("done, answer lost"),
    SERVFAIL("SERVFAIL"),
    REFUSED("REFUSED");

    private final String words;

    Fault(String words) {
      this.words = words;
    }

    String words() {
      return words;
    }
  }

  private final InetAddress here = InetAddress.getLoopbackAddress();
  private final int behind;
  private final DatagramSocket udp;
  private final ServerSocket tcp;
  private @Nullable String call;
  private @Nullable Fault fault;
  private boolean happened;

  FaultyDns(int behind) {
    this.behind = behind;
    try {
      tcp = new ServerSocket(0, 50, here);
      udp = new DatagramSocket(new InetSocketAddress(here, tcp.getLocalPort()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    start(this::packets);
    start(this::connections);
  }

  private static void start(Runnable work) {
    Thread thread = new Thread(work, "faulty-dns");
    thread.setDaemon(true);
    thread.start();
  }

  int port() {
    return tcp.getLocalPort();
  }

  /** Lets the next message of a kind go wrong, such as {@code A} or {@code UPDATE}. */
  synchronized void next(String wrongCall, Fault newFault) {
    call = wrongCall;
    fault = newFault;
    happened = false;
  }

  /** Whether what was asked for has gone wrong. */
  synchronized boolean happened() {
    return happened;
  }

  private synchronized Optional<Fault> faultOf(Message request) {
    String kind =
        request.getHeader().getOpcode() == Opcode.UPDATE
            ? "UPDATE"
            : Type.string(request.getSection(Section.QUESTION).get(0).getType());
    if (fault == null || !kind.equals(call)) {
      return Optional.empty();
    }
    Fault now = fault;
    fault = null;
    happened = true;
    return Optional.of(now);
  }

  private void packets() {
    byte[] buffer = new byte[LONGEST];
    while (!udp.isClosed()) {
      try {
        DatagramPacket packet = new DatagramPacket(buffer, buffer.length);
        udp.receive(packet);
        byte[] request = Arrays.copyOf(packet.getData(), packet.getLength());
        Optional<byte[]> answer = answer(request, this::overUdp);
        if (answer.isPresent()) {
          udp.send(
              new DatagramPacket(answer.get(), answer.get().length, packet.getSocketAddress()));
        }
      } catch (IOException e) {
        // The server behind is away, or this wire was closed: nobody answers.
      }
    }
  }

  private void connections() {
    while (!tcp.isClosed()) {
      try (Socket client = tcp.accept()) {
        byte[] request = read(client);
        Optional<byte[]> answer = answer(request, this::overTcp);
        if (answer.isPresent()) {
          write(client, answer.get());
        }
      } catch (IOException e) {
        // As above.
      }
    }
  }

  private interface Server {
    byte[] ask(byte[] request) throws IOException;
  }

  private Optional<byte[]> answer(byte[] request, Server server) throws IOException {
    Message message = new Message(request);
    Optional<Fault> wrong = faultOf(message);
    if (wrong.isEmpty()) {
      return Optional.of(server.ask(request));
    }
    return switch (wrong.get()) {
      case REQUEST_LOST -> Optional.empty();
      case ANSWER_LOST -> {
        server.ask(request);
        yield Optional.empty();
      }
      case SERVFAIL -> Optional.of(refusal(message, Rcode.SERVFAIL));
      case REFUSED -> Optional.of(refusal(message, Rcode.REFUSED));
    };
  }

  private static byte[] refusal(Message request, int rcode) {
    Message answer = new Message(request.getHeader().getID());
    Header header = answer.getHeader();
    header.setFlag(Flags.QR);
    header.setRcode(rcode);
    answer.addRecord(request.getQuestion(), Section.QUESTION);
    return answer.toWire();
  }

  private byte[] overUdp(byte[] request) throws IOException {
    try (DatagramSocket socket = new DatagramSocket()) {
      socket.setSoTimeout(PATIENCE_MILLIS);
      socket.send(new DatagramPacket(request, request.length, here, behind));
      DatagramPacket answer = new DatagramPacket(new byte[LONGEST], LONGEST);
      socket.receive(answer);
      return Arrays.copyOf(answer.getData(), answer.getLength());
    }
  }

  private byte[] overTcp(byte[] request) throws IOException {
    try (Socket socket = new Socket(here, behind)) {
      socket.setSoTimeout(PATIENCE_MILLIS);
      write(socket, request);
      return read(socket);
    }
  }

  private static byte[] read(Socket socket) throws IOException {
    DataInputStream in = new DataInputStream(socket.getInputStream());
    byte[] message = new byte[in.readUnsignedShort()];
    in.readFully(message);
    return message;
  }

  private static void write(Socket socket, byte[] message) throws IOException {
    DataOutputStream out = new DataOutputStream(socket.getOutputStream());
    out.writeShort(message.length);
    out.write(message);
    out.flush();
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
