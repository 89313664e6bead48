package dev.whimbrel.postgres;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Reads, without consuming it, the change that a stream would bring next ({@code pgoutput}). */
final class ChangePeek {
  private static final int MESSAGES = 200;
  private static final int LONGEST = 40;

  private final Map<Integer, Relation> relations = new HashMap<>();

  private ChangePeek() {}

  /**
   * One change.
   *
   * @param table qualified name
   * @param text such as {@code an INSERT into public.orders (id = 7)}
   */
  record Change(String table, String text) {}

  private record Relation(String table, List<String> columns, List<Boolean> keys) {}

  /** The first change behind the slot's position that is not Whimbrel's own marker. */
  static Optional<Change> next(Connection source, String slot, String publication)
      throws SQLException {
    ChangePeek peek = new ChangePeek();
    try (Statement statement = source.createStatement();
        ResultSet rows =
            statement.executeQuery(
                "SELECT data FROM pg_logical_slot_peek_binary_changes("
                    + Quoting.literal(slot)
                    + ", NULL, "
                    + MESSAGES
                    + ", 'proto_version', '1', 'publication_names', "
                    + Quoting.literal(publication)
                    + ")")) {
      while (rows.next()) {
        Optional<Change> change = peek.read(ByteBuffer.wrap(rows.getBytes(1)));
        if (change.isPresent() && !change.get().table().startsWith(Names.SCHEMA + ".")) {
          return change;
        }
      }
    }
    return Optional.empty();
  }

  private Optional<Change> read(ByteBuffer message) {
    switch (message.get()) {
      case 'R' -> relations.put(message.getInt(), relation(message));
      case 'I' -> {
        return Optional.of(change("an INSERT into ", message));
      }
      case 'U' -> {
        return Optional.of(change("an UPDATE of ", message));
      }
      case 'D' -> {
        return Optional.of(change("a DELETE from ", message));
      }
      default -> {
        // BEGIN, COMMIT, TYPE, ORIGIN, TRUNCATE: nothing that names a row
      }
    }
    return Optional.empty();
  }

  private static Relation relation(ByteBuffer message) {
    String table = text(message) + "." + text(message);
    message.get();
    int count = message.getShort();
    List<String> columns = new ArrayList<>();
    List<Boolean> keys = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      keys.add((message.get() & 1) == 1);
      columns.add(text(message));
      message.getInt();
      message.getInt();
    }
    return new Relation(table, columns, keys);
  }

  private Change change(String doing, ByteBuffer message) {
    Relation relation =
        relations.getOrDefault(
            message.getInt(), new Relation("a table that is not known", List.of(), List.of()));
    message.get();
    int count = message.getShort();
    List<String> key = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      byte kind = message.get();
      String value = kind == 'n' ? "NULL" : "unchanged";
      if (kind == 't' || kind == 'b') {
        byte[] bytes = new byte[message.getInt()];
        message.get(bytes);
        value = new String(bytes, StandardCharsets.UTF_8);
      }
      if (i < relation.keys().size() && relation.keys().get(i)) {
        String shown = value.length() > LONGEST ? value.substring(0, LONGEST) + "…" : value;
        key.add(relation.columns().get(i) + " = " + shown);
      }
    }
    return new Change(
        relation.table(),
        doing + relation.table() + (key.isEmpty() ? "" : " (" + String.join(", ", key) + ")"));
  }

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
