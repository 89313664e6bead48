package dev.whimbrel.postgres;

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
      case 'R' -> relations.put(message.getInt(), PgOutput.relation(message));
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

  private Change change(String doing, ByteBuffer message) {
    @Nullable Relation relation = relations.get(message.getInt());
    if (relation == null) {
      return new Change("a table that is not known", doing + "a table that is not known");
    }
    List<Column> columns = relation.columns();
    List<Value> values = PgOutput.row(message, i -> i < columns.size() && columns.get(i).key());
    List<String> key = new ArrayList<>();
    for (int i = 0; i < Math.min(values.size(), columns.size()); i++) {
      if (columns.get(i).key()) {
        key.add(columns.get(i).name() + " = " + shown(values.get(i)));
      }
    }
    String table = relation.schema() + "." + relation.name();
    return new Change(
        table, doing + table + (key.isEmpty() ? "" : " (" + String.join(", ", key) + ")"));
  }

  private static String shown(Value value) {
    String text = value.text();
    if (text == null) {
      return value.kind() == 'n' ? "NULL" : "unchanged";
    }
    return text.length() > LONGEST ? text.substring(0, LONGEST) + "…" : text;
  }
}
