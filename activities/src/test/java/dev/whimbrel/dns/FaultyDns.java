package dev.whimbrel.dns;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
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

/**
 * A wire to a DNS server, over UDP and TCP on one port, on which messages can go wrong. Each
 * connection has a thread of its own, so that a message that is held up holds up no other.
 */
final class FaultyDns implements AutoCloseable {
  private static final int LONGEST = 65_535;
  private static final int PATIENCE_MILLIS = 5_000;
  private static final int ALWAYS = 1_000;

  /** What can go wrong. */
  enum Fault {
    REQUEST_LOST("the request is lost"),
    ANSWER_LOST("done, answer lost"),
    HANGS("the connection stays open, and no answer comes"),
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

  private record Planted(String call, Optional<Fault> fault, Runnable deed) {}

  private final InetAddress here = InetAddress.getLoopbackAddress();
  private final int behind;
  private final DatagramSocket udp;
  private final ServerSocket tcp;
  private @Nullable Planted planted;
  private int skip;
  private int times;
  private boolean lastWord;
  private boolean cut;
  private int happened;

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

  /** Lets one message of a kind go wrong, such as {@code A} or {@code UPDATE}, after so many. */
  void next(String call, int after, Fault fault) {
    plant(new Planted(call, Optional.of(fault), () -> {}), after, 1, false);
  }

  /** Lets every message of a kind go wrong, after so many. */
  void always(String call, int after, Fault fault) {
    plant(new Planted(call, Optional.of(fault), () -> {}), after, ALWAYS, false);
  }

  /** From this message on nothing comes through any more, as for a worker that was killed. */
  void killed(String call, int after, Fault fault) {
    plant(new Planted(call, Optional.of(fault), () -> {}), after, 1, true);
  }

  /**
   * As {@link #killed}, with a message that is still on its way: the deed may wait, then it
   * arrives.
   */
  void killedWithAMessageOnItsWay(String call, int after, Runnable deed) {
    plant(new Planted(call, Optional.of(Fault.ANSWER_LOST), deed), after, 1, true);
  }

  /** Somebody does something while the message is on its way; the deed may wait. */
  void meanwhile(String call, int after, Runnable deed) {
    plant(new Planted(call, Optional.empty(), deed), after, 1, false);
  }

  private synchronized void plant(Planted what, int after, int howOften, boolean theLastWord) {
    planted = what;
    skip = after;
    times = howOften;
    lastWord = theLastWord;
    cut = false;
    happened = 0;
  }

  /** From here on everything goes well. Returns how many messages went wrong. */
  synchronized int heal() {
    planted = null;
    cut = false;
    return happened;
  }

  private synchronized Optional<Planted> planted(Message request) {
    if (cut) {
      return Optional.of(new Planted("", Optional.of(Fault.REQUEST_LOST), () -> {}));
    }
    String kind =
        request.getHeader().getOpcode() == Opcode.UPDATE
            ? "UPDATE"
            : Type.string(request.getSection(Section.QUESTION).get(0).getType());
    Planted now = planted;
    if (now == null || !kind.equals(now.call()) || skip-- > 0 || times-- <= 0) {
      return Optional.empty();
    }
    happened++;
    cut = lastWord;
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
        if (answer.filter(each -> each.length > 0).isPresent()) {
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
      try {
        Socket client = tcp.accept();
        start(() -> connection(client));
      } catch (IOException e) {
        // As above.
      }
    }
  }

  private void connection(Socket client) {
    try (client) {
      Optional<byte[]> answer = answer(read(client), this::overTcp);
      if (answer.isEmpty()) {
        return;
      }
      if (answer.get().length == 0) {
        client.getInputStream().transferTo(OutputStream.nullOutputStream()); // until it is left
        return;
      }
      write(client, answer.get());
    } catch (IOException e) {
      // As above.
    }
  }

  private interface Server {
    byte[] ask(byte[] request) throws IOException;
  }

  /** Nothing where the connection ends, no byte where it stays open. */
  private Optional<byte[]> answer(byte[] request, Server server) throws IOException {
    Message message = new Message(request);
    Optional<Planted> wrong = planted(message);
    wrong.ifPresent(each -> each.deed().run());
    if (wrong.flatMap(Planted::fault).isEmpty()) {
      return Optional.of(server.ask(request));
    }
    return switch (wrong.get().fault().get()) {
      case REQUEST_LOST -> Optional.empty();
      case ANSWER_LOST -> {
        server.ask(request);
        yield Optional.empty();
      }
      case HANGS -> Optional.of(new byte[0]);
      case SERVFAIL -> Optional.of(refusal(message, Rcode.SERVFAIL));
      case REFUSED -> Optional.of(refusal(message, Rcode.REFUSED));
    };
  }

  private static byte[] refusal(Message request, int rcode) {
    Message answer = new Message(request.getHeader().getID());
    Header header = answer.getHeader();
    header.setFlag(Flags.QR);
    header.setOpcode(request.getHeader().getOpcode());
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
