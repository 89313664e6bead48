package dev.whimbrel.activity;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A row that is not the same on both sides. Holds no value of it but its key's.
 *
 * @param table its table, as people write it
 * @param key its key, column by column as text; in a table without one its place, as {@code ctid}
 * @param what what differs
 * @param repair commands for a shell that bring the row from the side that takes the writes to the
 *     other one; null where none are offered. Nobody but a person runs them
 */
public record DifferingRow(
    String table, Map<String, String> key, String what, @Nullable String repair) {

  /** The same with no commands. */
  public DifferingRow withoutRepair() {
    return new DifferingRow(table, key, what, null);
  }

  /** About how many bytes it takes where it is kept. */
  public long length() {
    long length = table.length() + what.length() + 60L + (repair == null ? 0 : repair.length());
    for (Map.Entry<String, String> column : key.entrySet()) {
      length += column.getKey().length() + column.getValue().length() + 6L;
    }
    return length;
  }
}
