package dev.whimbrel.servers;

import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * One command to PgBouncer's admin console, spoken by hand: pgjdbc from 42.7.7 on sets {@code
 * extra_float_digits} on a server that calls itself older than 12, and the console, which calls
 * itself 1.18, refuses that.
 */
final class PgBouncerConsole {
  private static final int PROTOCOL_3 = 3 << 16;

  private PgBouncerConsole() {}

  /**
   * Runs a command as {@code admin} and returns its rows, each with its columns as text; an absent
   * value is an empty text.
   *
   * @throws IOException if the console cannot be reached or refuses, with its message
   */
  static List<List<String>> run(int port, int timeoutMillis, String command) throws IOException {
    try (Socket socket = new Socket(Relay.localhost(), port)) {
      socket.setSoTimeout(timeoutMillis);
      OutputStream out = socket.getOutputStream();
      DataInputStream in = new DataInputStream(socket.getInputStream());
      byte[] parameters = "user\0admin\0database\0pgbouncer\0\0".getBytes(StandardCharsets.UTF_8);
      // In one piece each: PgBouncer refuses a first packet that comes in two.
      ByteBuffer startup = ByteBuffer.allocate(8 + parameters.length);
      out.write(startup.putInt(startup.capacity()).putInt(PROTOCOL_3).put(parameters).array());
      readUntilReady(in);
      byte[] text = (command + "\0").getBytes(StandardCharsets.UTF_8);
      ByteBuffer query = ByteBuffer.allocate(5 + text.length).put((byte) 'Q');
      out.write(query.putInt(4 + text.length).put(text).array());
      return readUntilReady(in);
    }
  }

  private static List<List<String>> readUntilReady(DataInputStream in) throws IOException {
    List<List<String>> rows = new ArrayList<>();
    while (true) {
      byte type = in.readByte();
      byte[] body = in.readNBytes(in.readInt() - 4);
      if (type == 'E') {
        throw new IOException(message(body));
      }
      if (type == 'D') {
        rows.add(columns(ByteBuffer.wrap(body)));
      }
      if (type == 'Z') {
        return rows;
      }
    }
  }

  private static List<String> columns(ByteBuffer row) {
    List<String> columns = new ArrayList<>();
    for (int left = row.getShort(); left > 0; left--) {
      byte[] value = new byte[Math.max(0, row.getInt())];
      row.get(value);
      columns.add(new String(value, StandardCharsets.UTF_8));
    }
    return columns;
  }

  /** The field M of an error. */
  private static String message(byte[] error) {
    for (String field : new String(error, StandardCharsets.UTF_8).split("\0", -1)) {
      if (field.startsWith("M")) {
        return field.substring(1);
      }
    }
    return "an error without a message";
  }
}
