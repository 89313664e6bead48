package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import org.postgresql.util.PSQLException;
import org.postgresql.util.PSQLState;
import org.postgresql.util.ServerErrorMessage;

/**
 * What a server says in PostgreSQL's protocol, version 3. What it copies is read in pieces, however
 * long a message is; all other messages are short.
 */
final class ServerMessages {
  /** The bytes of a message's length, which counts itself. */
  static final int LENGTH = 4;

  /** More than any notice or error; longer is no message. */
  private static final int LONGEST = 16 << 20;

  private final Side side;
  private final InputStream in;
  private final byte[] arrived = new byte[2 * CopyStream.PIECE];
  private int from;
  private int to;

  /** What is left of the message with copied data that is being read. */
  private long left;

  /**
   * Reads from a connection.
   *
   * @param side for messages
   */
  ServerMessages(InputStream in, Side side) {
    this.in = in;
    this.side = side;
  }

  /** A message without copied data. */
  private record Message(char type, String body) {
    /** Without the byte that ends it. */
    String text() {
      return body.replace("\0", "");
    }
  }

  /**
   * Reads the next bytes of what is copied, across messages.
   *
   * @return how many there are in {@code piece} now: less than it holds just before the end only,
   *     and zero at it
   */
  int read(byte[] piece) throws SQLException {
    int at = 0;
    while (at < piece.length) {
      if (left == 0 && !nextData()) {
        return at;
      }
      int now = take(piece, at, (int) Math.min(left, piece.length - at));
      left -= now;
      at += now;
    }
    return at;
  }

  /**
   * Goes to the next message with copied data, past what is left of this one.
   *
   * @return false where the server has ended the copy
   */
  boolean next() throws SQLException {
    pass(left);
    return nextData();
  }

  private boolean nextData() throws SQLException {
    while (left == 0) {
      fill(1);
      switch (arrived[from]) {
        case 'd' -> beginData();
        case 'c' -> {
          return false;
        }
        default -> skipOrFail(message());
      }
    }
    return true;
  }

  private void beginData() throws SQLException {
    from++;
    left = length();
  }

  /** How much of the message with copied data is left. */
  long left() {
    return left;
  }

  /** The next bytes of the message with copied data. */
  byte[] take(int count) throws SQLException {
    requireLeft(count);
    byte[] bytes = new byte[count];
    for (int at = 0; at < count; ) {
      at += take(bytes, at, count - at);
    }
    left -= count;
    return bytes;
  }

  /** Passes bytes of the message by. */
  void skip(int count) throws SQLException {
    requireLeft(count);
    pass(count);
  }

  private void pass(long count) throws SQLException {
    for (long more = count; more > 0; ) {
      fill(1);
      int now = (int) Math.min(more, to - from);
      from += now;
      left -= now;
      more -= now;
    }
  }

  private void requireLeft(int count) throws SQLException {
    if (count < 0 || count > left) {
      throw new PSQLException(
          "the %s sent a message that ends too early".formatted(side.word()), PSQLState.DATA_ERROR);
    }
  }

  /** Waits for a message of one type; what the server may say unasked is passed by. */
  String await(char type) throws SQLException {
    for (Message message = message(); ; message = message()) {
      if (message.type() == type) {
        return message.text();
      }
      skipOrFail(message);
    }
  }

  /**
   * Waits until the server is ready for something else, past whatever it was about to send: copied
   * data may come behind its own word of the end.
   */
  void awaitReady() throws SQLException {
    pass(left);
    for (char type = 0; type != 'Z'; ) {
      fill(1);
      if (arrived[from] == 'd') {
        beginData();
        pass(left);
        continue;
      }
      Message message = message();
      type = message.type();
      if (type != 'Z' && type != 'C') {
        skipOrFail(message);
      }
    }
  }

  /** What the server said unasked by now belongs to nobody; the driver goes on behind it. */
  void skipWhatArrived() throws SQLException {
    while (from < to) {
      skipOrFail(message());
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

  /** One whole message without copied data. */
  private Message message() throws SQLException {
    fill(1);
    char type = (char) arrived[from++];
    int length = length();
    if (length < 0 || length > LONGEST) {
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
  private int take(byte[] into, int offset, int most) throws SQLException {
    fill(1);
    int now = Math.min(most, to - from);
    System.arraycopy(arrived, from, into, offset, now);
    from += now;
    return now;
  }

  private int length() throws SQLException {
    fill(LENGTH);
    int length = ByteBuffer.wrap(arrived).getInt(from) - LENGTH;
    from += LENGTH;
    return length;
  }

  /** Makes sure that so many bytes have arrived. */
  private void fill(int bytes) throws SQLException {
    if (to - from >= bytes) {
      return;
    }
    System.arraycopy(arrived, from, arrived, 0, to - from);
    to -= from;
    from = 0;
    try {
      while (to < bytes) {
        int now = in.read(arrived, to, arrived.length - to);
        if (now < 0) {
          throw new EOFException("the server has closed the connection");
        }
        to += now;
      }
    } catch (IOException e) {
      throw lost(side, e);
    }
  }

  /** A connection that broke. */
  static SQLException lost(Side side, IOException e) {
    return new PSQLException(
        "the connection to the %s was lost while rows moved: %s"
            .formatted(side.word(), e.getMessage()),
        PSQLState.CONNECTION_FAILURE,
        e);
  }
}
