package dev.whimbrel.postgres;

import static java.util.stream.Collectors.joining;

import dev.whimbrel.activity.Side;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Writes down how one row is brought from the side that takes the writes to the other one, for a
 * person to look at and run. Nothing here runs it.
 *
 * <p>The commands are for a shell in which {@code SOURCE} and {@code TARGET} hold both databases'
 * URLs. They may be run long after they were written: both databases must still say that they are
 * what they were then, and the opening of the follower waits for the end. Taking the fence off
 * locks the table first, so that the stream waits, and the row is read behind that; as a stream
 * does, they fire no trigger and follow no foreign key. Whatever fails, nothing is changed.
 */
final class Repair {
  /** What would end a line: the next one would be the shell's. */
  private static final Pattern CONTROL = Pattern.compile("\\p{Cntrl}");

  private static final String DDL_FENCE =
      "do $$ begin if exists (select from pg_event_trigger where evtname = 'whimbrel_ddl') then alter event trigger whimbrel_ddl %s; end if; end $$;";

  /** A value has one text in every session; a row that may not be read is an error, not absent. */
  private static final String SESSIONS =
      "export PGCLIENTENCODING=%s PGCONNECT_TIMEOUT=10 PGOPTIONS='-c search_path=pg_catalog -c DateStyle=ISO,YMD -c IntervalStyle=postgres -c TimeZone=UTC -c extra_float_digits=1 -c bytea_output=hex -c lc_monetary=C -c xmlbinary=base64 -c row_security=off'\n";

  private static final String GUARD =
      "do $$ begin perform 1 from whimbrel.authority where side = '%1$s' and writable = '%2$s'%3$s; if not found then raise exception 'writes do not go to the %2$s any more, or this is not the %1$s: nothing was changed'; end if; end $$;";

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
    if (isUnsafe(key)) {
      return null;
    }
    String values =
        IntStream.range(0, key.size())
            .mapToObj(i -> "cast(%s as %s)".formatted(literal(key, i), table.keyTypes().get(i)))
            .collect(joining(", "));
    String where = "(%s) = (%s)".formatted(listed(table.key()), values);
    return onTruth ? anew(where) : script(delete(where + " and " + sameText(key)));
  }

  /** Where nothing comes instead, what merely counts as the same must stay. */
  private String sameText(List<String> key) {
    return IntStream.range(0, key.size())
        .mapToObj(
            i ->
                "cast(%s as text) = %s collate \"C\""
                    .formatted(Quoting.identifier(table.key().get(i)), literal(key, i)))
        .collect(joining(" and "));
  }

  private static String literal(List<String> key, int position) {
    return Quoting.literal(key.get(position));
  }

  private boolean isUnsafe(List<String> values) {
    return Stream.of(
            values, table.columns(), table.keyTypes(), List.of(table.schema(), table.name()))
        .flatMap(List::stream)
        .anyMatch(text -> CONTROL.matcher(text).find());
  }

  private String anew(String where) {
    String columns =
        listed(table.columns().stream().filter(name -> !table.generated().contains(name)).toList());
    String row =
        "copy (select %s from only %s where %s) to stdout".formatted(columns, name(), where);
    // psql fails with the program that it copies from, and then nothing is committed.
    String copy =
        "\\copy %s (%s) from program 'psql \"${%s:?}\" -Xq1 -v ON_ERROR_STOP=1 -c \"$GUARD\" -c \"$ROW\"'\n"
            .formatted(name(), columns, variable(truth));
    return "export %s GUARD=%s ROW=%s\n"
            .formatted(
                variable(truth),
                quoted(GUARD.formatted(truth.word(), truth.word(), "")),
                quoted(row))
        + script(delete(where) + copy);
  }

  private static String quoted(String text) {
    return "'" + text.replace("'", "'\\''") + "'";
  }

  private String delete(String where) {
    return "delete from only %s where %s;\n".formatted(name(), where);
  }

  private String script(String work) {
    Side follower = truth.other();
    String begin =
        """
        psql "${%s:?}" -X -v ON_ERROR_STOP=1 <<'END'
        begin;
        set local lock_timeout = '10s';
        %s
        set local session_replication_role = replica;
        """
            .formatted(
                variable(follower), GUARD.formatted(follower.word(), truth.word(), " for share"));
    // Without an encoding on either side the bytes are carried as they are.
    return SESSIONS.formatted(table.plainBytes() ? "SQL_ASCII" : "UTF8")
        + begin
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
