package dev.whimbrel.postgres;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/**
 * Reads the parts of {@code pgoutput}'s messages, protocol version 1, as PostgreSQL's documentation
 * lays them out ("Logical Replication Message Formats").
 */
final class PgOutput {
  private PgOutput() {}

  /**
   * A column of a table.
   *
   * @param key whether it is part of the replica identity
   */
  record Column(String name, boolean key) {}

  /** A table, as a stream introduces it. */
  record Relation(String schema, String name, List<Column> columns) {}

  /**
   * What a row's image says of one column.
   *
   * @param kind {@code n} for NULL, {@code u} for an unchanged value that is not sent, else a value
   * @param text the value; null where there is none, or where nobody asked for it
   */
  record Value(byte kind, @Nullable String text) {}

  /** Where a message's bytes come from. */
  interface Bytes {
    /** The next bytes. */
    byte[] take(int count) throws SQLException;

    /** Passes bytes by: a value may have hundreds of megabytes. */
    void skip(int count) throws SQLException;

    /** The next byte. */
    default byte take() throws SQLException {
      return take(1)[0];
    }

    /** The next number of four bytes. */
    default int number() throws SQLException {
      return ByteBuffer.wrap(take(Integer.BYTES)).getInt();
    }

    /** The next number of two bytes. */
    default int shortNumber() throws SQLException {
      return ByteBuffer.wrap(take(Short.BYTES)).getShort();
    }

    /** A name, which ends with a zero. */
    default String name() throws SQLException {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      for (byte next = take(); next != 0; next = take()) {
        bytes.write(next);
      }
      return bytes.toString(StandardCharsets.UTF_8);
    }
  }

  /** Reads a table, from behind its number on. */
  static Relation relation(Bytes message) throws SQLException {
    String schema = message.name();
    String name = message.name();
    message.skip(1);
    int count = message.shortNumber();
    List<Column> columns = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      boolean key = (message.take() & 1) == 1;
      columns.add(new Column(message.name(), key));
      message.skip(2 * Integer.BYTES);
    }
    return new Relation(schema, name, columns);
  }

  /**
   * Reads one image of a row, from behind the letter that says which one it is.
   *
   * @param wanted the columns whose values are read, by their place from 0
   */
  static List<Value> row(Bytes message, IntPredicate wanted) throws SQLException {
    int count = message.shortNumber();
    List<Value> values = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      byte kind = message.take();
      boolean sent = kind == 't' || kind == 'b';
      values.add(new Value(kind, sent ? value(message, wanted.test(i)) : null));
    }
    return values;
  }

  private static @Nullable String value(Bytes message, boolean wanted) throws SQLException {
    int length = message.number();
    if (!wanted) {
      message.skip(length);
      return null;
    }
    return new String(message.take(length), StandardCharsets.UTF_8);
  }
}
