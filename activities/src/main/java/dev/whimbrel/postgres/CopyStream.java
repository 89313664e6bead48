package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import org.postgresql.util.PSQLException;
import org.postgresql.util.PSQLState;

/**
 * One side of a {@code COPY} in PostgreSQL's protocol, version 3 (chapters "Message Flow" and
 * "Message Formats" of its documentation): a statement, its rows in pieces of any length, its end.
 * What a replication slot sends comes the same way. Whoever fails here gives the session up: it may
 * be in the middle of a message.
 */
final class CopyStream {
  /** Rows travel in pieces of this many bytes, whatever a row's size. */
  static final int PIECE = 64 * 1024;

  private static final int LENGTH = ServerMessages.LENGTH;

  private final Side side;
  private final ServerMessages messages;
  private final OutputStream out;

  /**
   * The rows of a session.
   *
   * @param side for messages
   */
  CopyStream(RowSession session, Side side) throws SQLException {
    this.side = side;
    try {
      messages = new ServerMessages(session.top().getInputStream(), side);
      out = session.top().getOutputStream();
    } catch (IOException e) {
      throw ServerMessages.lost(side, e);
    }
  }

  /** What the server sends. */
  ServerMessages messages() {
    return messages;
  }

  /** Sends a statement, and waits until its rows can move. */
  void begin(String statement, char answer) throws SQLException {
    byte[] text = statement.getBytes(StandardCharsets.UTF_8);
    ByteBuffer message = ByteBuffer.allocate(1 + LENGTH + text.length + 1);
    message.put((byte) 'Q').putInt(LENGTH + text.length + 1).put(text).put((byte) 0);
    sendNow(message.array());
    messages.await(answer);
  }

  /**
   * Reads the next bytes of the rows.
   *
   * @return as {@link ServerMessages#read}
   */
  int read(byte[] piece) throws SQLException {
    return messages.read(piece);
  }

  /** Sends bytes of rows. */
  void write(byte[] piece, int length) throws SQLException {
    ByteBuffer header = ByteBuffer.allocate(1 + LENGTH).put((byte) 'd').putInt(LENGTH + length);
    try {
      out.write(header.array());
      out.write(piece, 0, length);
    } catch (IOException e) {
      throw ServerMessages.lost(side, e);
    }
  }

  /** Sends one message of the streaming replication protocol, at once. */
  void answer(byte[] message) throws SQLException {
    write(message, message.length);
    sendNow(new byte[0]);
  }

  /** Says that there are no more rows, or that no more are wanted. */
  void end() throws SQLException {
    sendNow(ByteBuffer.allocate(1 + LENGTH).put((byte) 'c').putInt(LENGTH).array());
  }

  private void sendNow(byte[] bytes) throws SQLException {
    try {
      out.write(bytes);
      out.flush();
    } catch (IOException e) {
      throw ServerMessages.lost(side, e);
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
    String tag = messages.await('C');
    String state = messages.await('Z');
    if (!state.equals("T")) {
      throw new PSQLException(
          "expected COPY to end in an open transaction, found state " + state,
          PSQLState.NO_ACTIVE_SQL_TRANSACTION);
    }
    messages.skipWhatArrived();
    return Long.parseLong(tag.substring(tag.lastIndexOf(' ') + 1));
  }
}
