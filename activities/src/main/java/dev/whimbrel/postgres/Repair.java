package dev.whimbrel.postgres;

import static java.util.stream.Collectors.joining;

import dev.whimbrel.activity.Side;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Writes down how one row is brought from the side that takes the writes to the other one, for a
 * person to look at and run. Nothing here runs it.
 *
 * <p>The commands are for a shell in which {@code SOURCE} and {@code TARGET} hold both databases'
 * URLs. Taking the fence off locks the table first, so that the stream waits, and the row is read
 * behind that; as a stream does, they fire no trigger and follow no foreign key.
 */
final class Repair {
  /** What would end a line: the next one would be the shell's. */
  private static final Pattern CONTROL = Pattern.compile("\\p{Cntrl}");

  private static final String DDL_FENCE =
      "do $$ begin if exists (select from pg_event_trigger where evtname = 'whimbrel_ddl') then alter event trigger whimbrel_ddl %s; end if; end $$;";

  private final ComparedTable table;
  private final Side truth;

  Repair(ComparedTable table, Side truth) {
    this.table = table;
    this.truth = truth;
  }

  /**
   * The row of a key.
   *
   * @param onTruth whether the truth has it: else it goes from the follower
   * @return null where a name or a value holds characters that must not be pasted into a shell
   */
  @Nullable String ofKey(List<String> key, boolean onTruth) {
    List<String> values = new ArrayList<>();
    for (int i = 0; i < key.size(); i++) {
      values.add("cast(" + Quoting.literal(key.get(i)) + " as " + table.keyTypes().get(i) + ")");
    }
    String where = "(%s) = (%s)".formatted(listed(table.key()), String.join(", ", values));
    if (isUnsafe(key)) {
      return null;
    }
    return onTruth ? anew(delete(where), where) : script(delete(where));
  }

  /** One more row as the one at this place of the truth. */
  @Nullable String copyOf(String place) {
    return isUnsafe(List.of()) ? null : anew("", at(place));
  }

  /** One row less: the one at this place of the follower. */
  @Nullable String without(String place) {
    return isUnsafe(List.of()) ? null : script(delete(at(place)));
  }

  private boolean isUnsafe(List<String> values) {
    return Stream.of(
            values, table.columns(), table.keyTypes(), List.of(table.schema(), table.name()))
        .flatMap(List::stream)
        .anyMatch(text -> CONTROL.matcher(text).find());
  }

  private static String at(String place) {
    return "ctid = " + Quoting.literal(place);
  }

  private String anew(String delete, String where) {
    String columns =
        listed(table.columns().stream().filter(name -> !table.generated().contains(name)).toList());
    String row =
        "copy (select %s from only %s where %s) to stdout".formatted(columns, name(), where);
    String copy =
        "\\copy %s (%s) from program 'psql \"$%s\" -Xqc \"$ROW\"'\n"
            .formatted(name(), columns, variable(truth));
    return "export %s ROW='%s'\n%s"
        .formatted(variable(truth), row.replace("'", "'\\''"), script(delete + copy));
  }

  private String delete(String where) {
    return "delete from only %s where %s;\n".formatted(name(), where);
  }

  private String script(String work) {
    String begin =
        """
        psql "$%s" -X -v ON_ERROR_STOP=1 <<'END'
        begin;
        set local session_replication_role = replica;
        """
            .formatted(variable(truth.other()));
    return begin
        + DDL_FENCE.formatted("disable")
        + "\nalter table only %s disable trigger whimbrel_fence;\n".formatted(name())
        + work
        + "alter table only %s enable always trigger whimbrel_fence;\n".formatted(name())
        + DDL_FENCE.formatted("enable always")
        + "\ncommit;\nEND";
  }

  private static String listed(List<String> names) {
    return names.stream().map(Quoting::identifier).collect(joining(", "));
  }

  private String name() {
    return Quoting.qualified(table.schema(), table.name());
  }

  private static String variable(Side side) {
    return side == Side.SOURCE ? "SOURCE" : "TARGET";
  }
}
