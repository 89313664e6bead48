package dev.whimbrel.postgres;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
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

  /** Reads a table, from behind its number on. */
  static Relation relation(ByteBuffer message) {
    String schema = text(message);
    String name = text(message);
    message.get();
    int count = message.getShort();
    List<Column> columns = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      boolean key = (message.get() & 1) == 1;
      columns.add(new Column(text(message), key));
      message.getInt();
      message.getInt();
    }
    return new Relation(schema, name, columns);
  }

  /**
   * Reads one image of a row, from the letter on that says which one it is.
   *
   * @param wanted the columns whose values are read, by their place from 0
   */
  static List<Value> row(ByteBuffer message, IntPredicate wanted) {
    message.get();
    int count = message.getShort();
    List<Value> values = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      byte kind = message.get();
      boolean sent = kind == 't' || kind == 'b';
      values.add(new Value(kind, sent ? value(message, wanted.test(i)) : null));
    }
    return values;
  }

  private static @Nullable String value(ByteBuffer message, boolean wanted) {
    int length = message.getInt();
    if (!wanted) {
      message.position(message.position() + length);
      return null;
    }
    byte[] bytes = new byte[length];
    message.get(bytes);
    return new String(bytes, StandardCharsets.UTF_8);
  }

  /** A name, which ends with a zero. */
  private static String text(ByteBuffer message) {
    int start = message.position();
    int end = start;
    while (message.get(end) != 0) {
      end++;
    }
    byte[] bytes = new byte[end - start];
    message.get(bytes);
    message.get();
    return new String(bytes, StandardCharsets.UTF_8);
  }
}
