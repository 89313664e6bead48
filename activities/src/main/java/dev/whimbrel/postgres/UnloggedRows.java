package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Rows of small unlogged tables, which no stream carries: they are read while every table is
 * locked, and written in the transaction that opens the other side, in messages that travel anyway.
 * Large ones, such as a cache, are left behind, as all are where a role is no superuser.
 */
final class UnloggedRows {
  private static final String COLUMNS =
      """
      SELECT format('%I.%I', n.nspname, c.relname), a.attname, a.attgenerated <> ''
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
       WHERE c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
         AND format('%I.%I', n.nspname, c.relname) = ANY (ARRAY[]::text[] || ARRAY[""";

  /** So that what one server writes is what the other one reads. */
  private static final String PINNED =
      "SET LOCAL intervalstyle = postgres; SET LOCAL lc_monetary = 'C'; SET LOCAL extra_float_digits = 1;"
          + " SET LOCAL xmloption = content; SET LOCAL TimeZone = 'UTC'; ";

  /** Nobody is held up for them. */
  private static final String READING =
      "BEGIN READ ONLY; SET LOCAL lock_timeout = '1s'; SET LOCAL statement_timeout = '5s'; ";

  private static final Duration CALL = Duration.ofSeconds(10);

  /** How long all tables may be looked at; those that were not reached are left. */
  private static final Duration LOOKING = Duration.ofSeconds(5);

  private final Attempt attempt;
  private final Session losing;
  private final Session gaining;
  private final Map<String, List<Column>> carried = new LinkedHashMap<>();
  private final TreeSet<String> left = new TreeSet<>();
  private final TreeSet<String> emptied = new TreeSet<>();

  UnloggedRows(Attempt attempt) {
    this.attempt = attempt;
    this.losing = attempt.losing();
    this.gaining = attempt.gaining();
  }

  private record Column(String name, boolean generated) {}

  /** Lists the tables, before writes are held up. */
  UnloggedRows list() throws SQLException {
    Deadline looking = new Deadline(LOOKING);
    Map<String, Long> sizes = new LinkedHashMap<>();
    Set<String> chosen = names(losing, "true");
    chosen.removeAll(withoutRows());
    if (attempt.to() == Side.TARGET) {
      UnloggedTables.beginRecord(gaining);
    } else {
      Set<String> went = UnloggedTables.recorded(losing);
      chosen.stream().filter(name -> !went.contains(name)).forEach(left::add);
      chosen.retainAll(went);
    }
    for (String name : chosen) {
      sizes.put(name, looking.passed() ? Long.MAX_VALUE : measured(name));
    }
    if (attempt.to() == Side.SOURCE && UnloggedTables.wereEmptied(losing)) {
      // The source has the last rows of what nobody has filled since.
      sizes.forEach((name, size) -> emptied.addAll(size == 0 ? Set.of(name) : Set.of()));
      sizes.keySet().removeAll(emptied);
    }
    Set<String> small = UnloggedTables.small(sizes);
    for (String name : sizes.keySet()) {
      if (small.contains(name)) {
        carried.put(name, new ArrayList<>());
      } else {
        left.add(name);
      }
    }
    if (!carried.isEmpty()) {
      columns();
    }
    return this;
  }

  /** By the source's names in both directions: what is left out there is none of the target's. */
  private Set<String> withoutRows() throws SQLException {
    Session source = attempt.sessions().on(Side.SOURCE);
    Selection selection = Selection.of(attempt.request().move(), source.connection(CALL));
    return names(source, "NOT (" + selection.movesRows() + ")");
  }

  private static Set<String> names(Session side, String condition) throws SQLException {
    Set<String> names = new LinkedHashSet<>();
    for (List<@Nullable String> row : side.rows(UnloggedTables.tables(condition), CALL).get(0)) {
      names.add(Objects.requireNonNull(row.get(0)));
    }
    return names;
  }

  /** What its rows take as text; a table that cannot be read now is left as a large one is. */
  private long measured(String table) throws SQLException {
    try {
      List<List<List<@Nullable String>>> answer =
          losing.rows(
              READING + UnloggedTables.size(table, UnloggedTables.SMALL) + "; COMMIT", CALL);
      return Long.parseLong(Objects.requireNonNull(answer.get(0).get(0).get(1)));
    } catch (SQLException e) {
      losing.run("ROLLBACK", CALL); // Fails as well where the session is gone.
      return Long.MAX_VALUE;
    }
  }

  /** Reads all rows, with every table locked; an empty text where there is no table. */
  String read() {
    return carried.isEmpty()
        ? ""
        : PINNED
            + "WITH whimbrel_size AS (%s), whimbrel_small AS (%s) "
                .formatted(
                    carried.keySet().stream()
                        .map(table -> UnloggedTables.size(table, 2 * UnloggedTables.SMALL))
                        .collect(Collectors.joining(" UNION ALL ")),
                    "SELECT t FROM (SELECT t, n, sum(n) OVER (ORDER BY n, t) AS upto FROM whimbrel_size) AS x WHERE n <= %d AND upto <= %d"
                        .formatted(2 * UnloggedTables.SMALL, 2 * UnloggedTables.TOGETHER))
            + "SELECT t, NULL::text FROM whimbrel_small UNION ALL "
            + carried.keySet().stream().map(this::read).collect(Collectors.joining(" UNION ALL "))
            + ";";
  }

  /**
   * The same on a side that is closed: reads, and returns what {@link #write} does. Both sides are
   * closed: what cannot be read stays, and holds nobody up.
   */
  String readNowOrLeave() throws SQLException {
    if (!any()) {
      return "";
    }
    try {
      return write(losing.rows(READING + read() + " COMMIT", CALL).get(0));
    } catch (SQLException e) {
      losing.run("ROLLBACK", CALL); // Fails as well where the session is gone.
      left.addAll(carried.keySet());
      carried.clear();
      return "";
    }
  }

  /** Whether {@link #read} has an answer. */
  boolean any() {
    return !carried.isEmpty();
  }

  /** Statements that fill the tables of the side that is about to open, in its transaction. */
  String write(List<List<@Nullable String>> rows) {
    Map<String, List<String>> lines = new LinkedHashMap<>();
    for (List<@Nullable String> row : rows) {
      List<String> of =
          lines.computeIfAbsent(Objects.requireNonNull(row.get(0)), name -> new ArrayList<>());
      String line = row.get(1);
      if (line != null) {
        of.add(Quoting.literal(line));
      }
    }
    StringBuilder sql = new StringBuilder();
    carried.forEach(
        (table, columns) -> {
          List<String> of = lines.get(table);
          if (of == null) {
            left.add(table); // It has grown since it was listed.
          } else {
            sql.append("; ").append(fill(table, columns, of));
          }
        });
    return sql.isEmpty()
        ? ""
        : "; "
            + PINNED
            + "SET LOCAL session_replication_role = replica"
            + sql
            + "; SET LOCAL session_replication_role = origin";
  }

  /** What is to be said of tables whose rows stayed, or an empty text. */
  String leftBehind() throws SQLException {
    if (any()) {
      String refused =
          gaining.value("SELECT current_setting('whimbrel.unlogged_left', true)", CALL);
      if (refused != null && !refused.isEmpty()) {
        left.add(refused);
      }
    }
    String stay =
        left.isEmpty()
            ? ""
            : "; rows of unlogged tables stay on the %s: %s"
                    .formatted(losing.side().word(), String.join(", ", left))
                + (attempt.to() == Side.SOURCE ? "; the source has those of before" : "");
    return emptied.isEmpty()
        ? stay
        : stay
            + "; a crash of the target has emptied unlogged tables, of which the source has the rows of before: "
            + String.join(", ", emptied);
  }

  /**
   * The same on both sides, in the order of the one that gets them: there a row's text is read as
   * one of its table.
   */
  private void columns() throws SQLException {
    boolean able = losing.holds(Roles.SUPERUSER, CALL) && gaining.holds(Roles.SUPERUSER, CALL);
    if (able) {
      Map<String, List<Column>> there = columns(losing);
      for (Map.Entry<String, List<Column>> table : columns(gaining).entrySet()) {
        // What one side lacks would be an error with every table locked, or be forgotten.
        if (new HashSet<>(table.getValue())
            .equals(new HashSet<>(there.getOrDefault(table.getKey(), List.of())))) {
          Objects.requireNonNull(carried.get(table.getKey())).addAll(table.getValue());
        }
      }
    }
    carried.entrySet().stream()
        .filter(table -> table.getValue().isEmpty())
        .forEach(table -> left.add(table.getKey()));
    carried.values().removeIf(List::isEmpty);
  }

  private Map<String, List<Column>> columns(Session side) throws SQLException {
    String names =
        carried.keySet().stream().map(Quoting::literal).collect(Collectors.joining(", "));
    Map<String, List<Column>> columns = new LinkedHashMap<>();
    for (List<@Nullable String> row :
        side.rows(COLUMNS + names + "]) ORDER BY a.attrelid, a.attnum", CALL).get(0)) {
      columns
          .computeIfAbsent(Objects.requireNonNull(row.get(0)), name -> new ArrayList<>())
          // Not as each server quotes it: a newer one has reserved more words.
          .add(
              new Column(
                  Quoting.identifier(Objects.requireNonNull(row.get(1))), "t".equals(row.get(2))));
    }
    return columns;
  }

  private String read(String table) {
    String columns =
        Objects.requireNonNull(carried.get(table)).stream()
            .map(Column::name)
            .collect(Collectors.joining(", "));
    return "SELECT %1$s, ROW(%2$s)::text FROM ONLY %3$s WHERE %1$s IN (SELECT t FROM whimbrel_small)"
        .formatted(Quoting.literal(table), columns, table);
  }

  /** What cannot be filled is left behind, as it would be if it were large. */
  private String fill(String table, List<Column> columns, List<String> lines) {
    List<String> written =
        columns.stream().filter(column -> !column.generated()).map(Column::name).toList();
    String insert =
        lines.isEmpty() || written.isEmpty()
            ? ""
            : "INSERT INTO %1$s (%2$s) OVERRIDING SYSTEM VALUE SELECT %3$s FROM (SELECT line::%1$s AS r FROM unnest(ARRAY[%4$s]::text[]) AS line OFFSET 0) AS x;"
                .formatted(
                    table,
                    String.join(", ", written),
                    written.stream()
                        .map(column -> "(x.r)." + column)
                        .collect(Collectors.joining(", ")),
                    String.join(", ", lines));
    String body =
        """
        BEGIN
          DELETE FROM ONLY %1$s;
          %2$s %4$s
        EXCEPTION WHEN OTHERS THEN
          PERFORM set_config('whimbrel.unlogged_left', concat_ws(', ', nullif(current_setting('whimbrel.unlogged_left', true), ''), %3$s || ' (' || SQLERRM || ')'), false);
        END"""
            .formatted(
                table,
                insert,
                Quoting.literal(table),
                attempt.to() == Side.TARGET ? UnloggedTables.recording(table) : "");
    return "DO " + Quoting.literal(body);
  }
}
