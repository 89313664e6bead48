package dev.whimbrel.postgres;

import java.io.ByteArrayOutputStream;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.concurrent.atomic.AtomicLong;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyIn;
import org.postgresql.copy.CopyOut;

/**
 * Rows from one server to the other, in memory: what the target does not take yet, the source does
 * not send. Counts bytes, for progress and so that a standstill is noticed.
 */
final class RowPipe {
  private static final int MESSAGE = 64 * 1024;

  private final AtomicLong bytes = new AtomicLong();

  /** Bytes moved so far, by every run of this pipe; may be asked by another thread. */
  long bytes() {
    return bytes.get();
  }

  /**
   * Runs {@code COPY … TO STDOUT} into {@code COPY … FROM STDIN}.
   *
   * @return rows that the target took
   */
  long run(Connection source, String out, Connection target, String in) throws SQLException {
    CopyOut rows = source.unwrap(PGConnection.class).getCopyAPI().copyOut(out);
    CopyIn taken = target.unwrap(PGConnection.class).getCopyAPI().copyIn(in);
    ByteArrayOutputStream message = new ByteArrayOutputStream(MESSAGE);
    try {
      for (byte[] row = rows.readFromCopy(); row != null; row = rows.readFromCopy()) {
        bytes.addAndGet(row.length);
        if (row.length >= MESSAGE) {
          flush(message, taken);
          taken.writeToCopy(row, 0, row.length);
        } else {
          message.writeBytes(row);
          if (message.size() >= MESSAGE) {
            flush(message, taken);
          }
        }
      }
      flush(message, taken);
      return taken.endCopy();
    } catch (SQLException e) {
      giveUp(taken);
      giveUp(rows);
      throw e;
    }
  }

  private static void flush(ByteArrayOutputStream message, CopyIn taken) throws SQLException {
    if (message.size() > 0) {
      byte[] together = message.toByteArray();
      taken.writeToCopy(together, 0, together.length);
      message.reset();
    }
  }

  /** The failure that led here is the one to tell. */
  private static void giveUp(org.postgresql.copy.CopyOperation operation) {
    try {
      if (operation.isActive()) {
        operation.cancelCopy();
      }
    } catch (SQLException e) {
      // Its session is given up with it.
    }
  }
}
