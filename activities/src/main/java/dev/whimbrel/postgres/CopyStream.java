package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import org.postgresql.util.PSQLException;
import org.postgresql.util.PSQLState;
import org.postgresql.util.ServerErrorMessage;

/**
 * One side of a {@code COPY} in PostgreSQL's protocol, version 3 (chapters "Message Flow" and
 * "Message Formats" of its documentation): a statement, its rows in pieces of any length, its end.
 * Whoever fails here gives the session up: it may be in the middle of a message.
 */
final class CopyStream {
  /** Rows travel in pieces of this many bytes, whatever a row's size. */
  static final int PIECE = 64 * 1024;

  private static final int LENGTH = 4;

  /** More than any notice or error; longer is no message. */
  private static final int LONGEST_MESSAGE = 16 << 20;

  private final Side side;
  private final InputStream in;
  private final OutputStream out;
  private final byte[] arrived = new byte[2 * PIECE];
  private int from;
  private int to;

  /** What is left of the message whose rows are being read. */
  private long left;

  /**
   * The rows of a session.
   *
   * @param side for messages
   */
  CopyStream(RowSession session, Side side) throws SQLException {
    this.side = side;
    try {
      in = session.top().getInputStream();
      out = session.top().getOutputStream();
    } catch (IOException e) {
      throw lost(e);
    }
  }

  /** Sends a statement, and waits until its rows can move. */
  void begin(String statement, char answer) throws SQLException {
    byte[] text = statement.getBytes(StandardCharsets.UTF_8);
    ByteBuffer message = ByteBuffer.allocate(1 + LENGTH + text.length + 1);
    message.put((byte) 'Q').putInt(LENGTH + text.length + 1).put(text).put((byte) 0);
    try {
      out.write(message.array());
      out.flush();
    } catch (IOException e) {
      throw lost(e);
    }
    readUpTo(answer);
  }

  /**
   * Reads the next bytes of the rows.
   *
   * @return how many there are in {@code piece} now: less than it holds just before the end of the
   *     rows only, and zero at it
   */
  int read(byte[] piece) throws SQLException {
    int at = 0;
    try {
      while (at < piece.length) {
        if (left == 0 && !nextRow()) {
          return at;
        }
        int now = take(piece, at, (int) Math.min(left, piece.length - at));
        left -= now;
        at += now;
      }
      return at;
    } catch (IOException e) {
      throw lost(e);
    }
  }

  /** Goes to the next message with rows; false where there is none any more. */
  private boolean nextRow() throws IOException, SQLException {
    while (left == 0) {
      fill(1);
      switch (arrived[from]) {
        case 'd' -> {
          from++;
          left = length();
        }
        case 'c' -> {
          return false;
        }
        default -> skipOrFail(message());
      }
    }
    return true;
  }

  /** Sends bytes of rows. */
  void write(byte[] piece, int length) throws SQLException {
    ByteBuffer header = ByteBuffer.allocate(1 + LENGTH).put((byte) 'd').putInt(LENGTH + length);
    try {
      out.write(header.array());
      out.write(piece, 0, length);
    } catch (IOException e) {
      throw lost(e);
    }
  }

  /** Says that there are no more rows. */
  void end() throws SQLException {
    try {
      out.write(ByteBuffer.allocate(1 + LENGTH).put((byte) 'c').putInt(LENGTH).array());
      out.flush();
    } catch (IOException e) {
      throw lost(e);
    }
  }

  /**
   * Waits for the statement's end.
   *
   * @return how many rows the server says that there were
   * @throws SQLException also where the session is in no transaction: what was copied would be
   *     there already, and a failure could not take it back
   */
  long awaitEnd() throws SQLException {
    String tag = text(readUpTo('C'));
    String state = text(readUpTo('Z'));
    if (!state.equals("T")) {
      throw new PSQLException(
          "expected COPY to end in an open transaction, found state " + state,
          PSQLState.NO_ACTIVE_SQL_TRANSACTION);
    }
    skipWhatArrived();
    return Long.parseLong(tag.substring(tag.lastIndexOf(' ') + 1));
  }

  /** What the server says unasked belongs to nobody; the driver goes on behind it. */
  private void skipWhatArrived() throws SQLException {
    try {
      while (from < to) {
        skipOrFail(message());
      }
    } catch (IOException e) {
      throw lost(e);
    }
  }

  private Message readUpTo(char type) throws SQLException {
    try {
      while (true) {
        Message message = message();
        if (message.type() == type) {
          return message;
        }
        skipOrFail(message);
      }
    } catch (IOException e) {
      throw lost(e);
    }
  }

  private static void skipOrFail(Message message) throws SQLException {
    switch (message.type()) {
      case 'E' -> throw new PSQLException(new ServerErrorMessage(message.body()));
      case 'N', 'S', 'A', 'c' -> {
        // a notice, a setting that has changed, a notification, the end of the rows
      }
      default ->
          throw new PSQLException(
              "the server sent a message of type '%c' that does not belong into COPY"
                  .formatted(message.type()),
              PSQLState.DATA_ERROR);
    }
  }

  /** The text of a message, without the byte that ends it. */
  private static String text(Message message) {
    return message.body().replace("\0", "");
  }

  /** One whole message that is no row. */
  private Message message() throws IOException, SQLException {
    fill(1);
    char type = (char) arrived[from++];
    int length = length();
    if (length < 0 || length > LONGEST_MESSAGE) {
      throw new PSQLException(
          "the server sent a message of type '%c' with %d bytes".formatted(type, length),
          PSQLState.DATA_ERROR);
    }
    byte[] body = new byte[length];
    for (int at = 0; at < length; ) {
      at += take(body, at, length - at);
    }
    return new Message(type, new String(body, StandardCharsets.UTF_8));
  }

  /** Takes what has arrived, at least one byte and at most so many. */
  private int take(byte[] into, int offset, int most) throws IOException {
    fill(1);
    int now = Math.min(most, to - from);
    System.arraycopy(arrived, from, into, offset, now);
    from += now;
    return now;
  }

  private int length() throws IOException {
    fill(LENGTH);
    int length = ByteBuffer.wrap(arrived).getInt(from) - LENGTH;
    from += LENGTH;
    return length;
  }

  /** Makes sure that so many bytes have arrived. */
  private void fill(int bytes) throws IOException {
    if (to - from >= bytes) {
      return;
    }
    System.arraycopy(arrived, from, arrived, 0, to - from);
    to -= from;
    from = 0;
    while (to < bytes) {
      int now = in.read(arrived, to, arrived.length - to);
      if (now < 0) {
        throw new EOFException("the server has closed the connection");
      }
      to += now;
    }
  }

  private SQLException lost(IOException e) {
    return new PSQLException(
        "the connection to the %s was lost while rows moved: %s"
            .formatted(side.word(), e.getMessage()),
        PSQLState.CONNECTION_FAILURE,
        e);
  }

  private record Message(char type, String body) {}
}
