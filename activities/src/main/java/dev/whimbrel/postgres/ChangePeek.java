package dev.whimbrel.postgres;

import dev.whimbrel.postgres.PgOutput.Bytes;
import dev.whimbrel.postgres.PgOutput.Column;
import dev.whimbrel.postgres.PgOutput.Relation;
import dev.whimbrel.postgres.PgOutput.Value;
import java.nio.ByteBuffer;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Reads, without consuming them, the changes that a stream would bring next ({@code pgoutput}). */
final class ChangePeek {
  private static final int MESSAGES = 200;
  private static final int LONGEST = 40;

  /** So much of a message is asked for: it holds a whole row, and that may have any size. */
  private static final int BEGINNING = 64 * 1024;

  private final Map<Integer, Relation> relations = new HashMap<>();

  private ChangePeek() {}

  /**
   * One change.
   *
   * @param text such as {@code an INSERT into public.orders (id = 7)}
   * @param table of a row; qualified
   * @param emptied of a TRUNCATE; quoted
   */
  record Change(String text, String table, List<String> emptied) {
    private static Change ofRow(String table, String text) {
      return new Change(text, table, List.of());
    }
  }

  /**
   * The first change of a row behind the slot's position that is not of Whimbrel's own markers, and
   * each TRUNCATE before it: whichever the target refuses is one of these, as far as it is read.
   */
  static List<Change> next(Connection source, String slot, String publication) throws SQLException {
    ChangePeek peek = new ChangePeek();
    List<Change> changes = new ArrayList<>();
    try (Statement statement = source.createStatement();
        ResultSet rows =
            statement.executeQuery(
                "SELECT substring(data FROM 1 FOR "
                    + BEGINNING
                    + "), length(data) > "
                    + BEGINNING
                    + " FROM pg_logical_slot_peek_binary_changes("
                    + Quoting.literal(slot)
                    + ", NULL, "
                    + MESSAGES
                    + ", 'proto_version', '1', 'publication_names', "
                    + Quoting.literal(publication)
                    + ")")) {
      while (rows.next()) {
        Optional<Change> change = peek.read(new Beginning(rows.getBytes(1)), rows.getBoolean(2));
        if (change.isPresent() && !change.get().table().startsWith(Names.SCHEMA + ".")) {
          changes.add(change.get());
          if (change.get().emptied().isEmpty()) {
            return changes;
          }
        }
      }
    }
    return changes;
  }

  private Optional<Change> read(Bytes message, boolean cut) throws SQLException {
    switch (message.take()) {
      case 'R' -> relations.put(message.number(), PgOutput.relation(message));
      case 'I' -> {
        return Optional.of(change("an INSERT into ", message, cut));
      }
      case 'U' -> {
        return Optional.of(change("an UPDATE of ", message, cut));
      }
      case 'D' -> {
        return Optional.of(change("a DELETE from ", message, cut));
      }
      case 'T' -> {
        return Optional.of(truncate(message));
      }
      default -> {
        // BEGIN, COMMIT, TYPE, ORIGIN: nothing that is refused
      }
    }
    return Optional.empty();
  }

  private Change truncate(Bytes message) throws SQLException {
    int count = message.number();
    message.skip(1);
    List<String> tables = new ArrayList<>();
    List<String> quoted = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      @Nullable Relation relation = relations.get(message.number());
      tables.add(name(relation));
      if (relation != null) {
        quoted.add(
            Quoting.identifier(relation.schema()) + "." + Quoting.identifier(relation.name()));
      }
    }
    return new Change("a TRUNCATE of " + String.join(", ", tables), "", quoted);
  }

  private static String name(@Nullable Relation relation) {
    return relation == null
        ? "a table that is not known"
        : relation.schema() + "." + relation.name();
  }

  private Change change(String doing, Bytes message, boolean cut) throws SQLException {
    @Nullable Relation relation = relations.get(message.number());
    String table = name(relation);
    if (relation == null) {
      return Change.ofRow(table, doing + table);
    }
    if (cut) {
      // Its key may stand behind what was asked for.
      return Change.ofRow(table, doing + table + " (a row of more than 64 KB)");
    }
    List<Column> columns = relation.columns();
    message.skip(1);
    List<Value> values = PgOutput.row(message, i -> i < columns.size() && columns.get(i).key());
    List<String> key = new ArrayList<>();
    for (int i = 0; i < Math.min(values.size(), columns.size()); i++) {
      if (columns.get(i).key()) {
        key.add(columns.get(i).name() + " = " + shown(values.get(i)));
      }
    }
    return Change.ofRow(
        table, doing + table + (key.isEmpty() ? "" : " (" + String.join(", ", key) + ")"));
  }

  private static String shown(Value value) {
    String text = value.text();
    if (text == null) {
      return value.kind() == 'n' ? "NULL" : "unchanged";
    }
    return text.length() > LONGEST ? text.substring(0, LONGEST) + "…" : text;
  }

  /** The beginning of a message. */
  private record Beginning(ByteBuffer bytes) implements Bytes {
    Beginning(byte[] bytes) {
      this(ByteBuffer.wrap(bytes));
    }

    @Override
    public byte[] take(int count) {
      byte[] next = new byte[count];
      bytes.get(next);
      return next;
    }

    @Override
    public void skip(int count) {
      bytes.position(bytes.position() + count);
    }
  }
}
