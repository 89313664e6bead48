package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Looks once more at the {@linkplain RowsInFlux rows in flux}, behind the fence: there they stand
 * still, and everything has arrived. Nothing is handed over where one of them differs.
 *
 * <p>It takes no more than a quarter of the pause budget, of which it learns before writes are held
 * up; what would take longer is not looked at, and the outcome says how many rows that were. So
 * does it where a server does not answer in time. Costs one round trip, and nothing where no row
 * was in flux. A rollback does not look: it must not wait for rows.
 */
final class LastLook {
  private static final Duration CALL = Duration.ofSeconds(10);

  /** The budget's part that all rows together may take. */
  private static final int PART = 4;

  /** So many rows are named where they differ. */
  private static final int NAMED = 20;

  private final Attempt attempt;
  private final Duration limit;
  private final List<Rows> wanted = new ArrayList<>();
  private int unasked;
  private int equal;
  private @Nullable String failure;

  private LastLook(Attempt attempt) {
    this.attempt = attempt;
    this.limit = attempt.request().pauseBudget().dividedBy(PART);
  }

  /** Rows of one table. */
  private record Rows(ComparedTable table, KeyedRows reader, List<List<String>> keys) {
    Rows first(int many) {
      return new Rows(table, reader, keys.subList(0, Math.min(many, keys.size())));
    }
  }

  /** Finds out, before writes are held up, which rows there are and how long a look takes. */
  static LastLook before(Attempt attempt) throws SQLException {
    LastLook look = new LastLook(attempt);
    if (attempt.to() == Side.TARGET) {
      Map<RowsInFlux.Noted, List<List<String>>> noted = RowsInFlux.read(attempt.gaining());
      if (!noted.isEmpty()) {
        look.choose(noted);
        look.rehearse();
      }
    }
    return look;
  }

  private void choose(Map<RowsInFlux.Noted, List<List<String>>> noted) throws SQLException {
    Map<RowsInFlux.Noted, ComparedTable> tables = new LinkedHashMap<>();
    Pair pair = new Pair(attempt.losing().connection(CALL), attempt.gaining().connection(CALL));
    TablePairing.of(pair, new Tally(attempt.from()))
        .pair(shapes(pair.truth(), attempt.from()), shapes(pair.follower(), attempt.to()))
        .forEach(table -> tables.put(RowsInFlux.Noted.of(table), table));
    RowHash hash = RowHash.of(RowHash.FAST.word(), pair);
    noted.forEach(
        (name, keys) -> {
          ComparedTable table = tables.get(name);
          if (table == null) {
            unasked += keys.size(); // It is gone, or has another key.
          } else {
            wanted.add(new Rows(table, new KeyedRows(table, hash), keys));
          }
        });
  }

  private Map<String, TableShape> shapes(Connection database, Side side) throws SQLException {
    return Settled.ask(
        side,
        attempt.request().move(),
        database,
        moving -> TableCatalog.read(database, moving, "r"));
  }

  /** Leaves half of them out, and half of these, until a look fits. */
  private void rehearse() throws SQLException {
    while (!wanted.isEmpty()) {
      Deadline deadline = new Deadline(limit);
      try {
        ask(limit);
        if (!deadline.passed()) {
          return;
        }
      } catch (SQLException e) {
        if (!SqlFailures.is(e, SqlFailures.QUERY_CANCELED)) {
          throw e;
        }
      }
      attempt.pulse().check();
      halve();
    }
  }

  private void halve() {
    int all = wanted.stream().mapToInt(rows -> rows.keys().size()).sum();
    int left = all / 2;
    List<Rows> kept = new ArrayList<>();
    for (Rows rows : wanted) {
      if (left > 0) {
        kept.add(rows.first(left));
        left -= rows.keys().size();
      }
    }
    unasked += all - all / 2;
    wanted.clear();
    wanted.addAll(kept);
  }

  /**
   * Looks at them, with every table locked and everything arrived.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} where one of them differs
   */
  void look(Deadline deadline) {
    if (wanted.isEmpty()) {
      return;
    }
    Duration most = Deadline.least(limit, deadline.forStep("look at the rows in flux"));
    Answer answer;
    try {
      answer = ask(most);
      attempt.sessions().trips().together();
    } catch (SQLException e) {
      failure = SqlFailures.firstLine(e);
      return;
    }
    List<String> differing = answer.differing();
    if (!differing.isEmpty()) {
      throw Failures.needsHelp(
          "Nothing was handed over: %d rows that were changing when they were compared differ, though everything has arrived: %s%s"
              .formatted(
                  differing.size(),
                  String.join("; ", differing.subList(0, Math.min(NAMED, differing.size()))),
                  differing.size() > NAMED ? "; …" : ""),
          "writes stay on the source; find out who else writes to the target, mend these rows there and compare again, then retry. A row that is meant to differ is no longer asked for after: DELETE FROM "
              + RowsInFlux.TABLE
              + "; on the target",
          "whimbrel verify " + attempt.request().move().migration());
    }
    int wide = answer.wide().size();
    equal = wanted.stream().mapToInt(rows -> rows.keys().size()).sum() - wide;
    unasked += wide;
  }

  private Answer ask(Duration most) throws SQLException {
    Query query =
        new Query()
            .add("set local statement_timeout = " + Math.max(1, most.toMillis()) + "; ")
            .add(Pinned.here() + Planning.BY_INDEXES_HERE);
    for (int i = 0; i < wanted.size(); i++) {
      query.add((i > 0 ? " union all" : "") + " select " + i + ", x.* from (");
      wanted.get(i).reader().addByKey(query, wanted.get(i).keys());
      query.add(") as x");
    }
    String message = query.literally();
    Pair.Read<Map<String, State>> states =
        AtOnce.both(
            "whimbrel-last-look",
            () -> answer(attempt.from(), message, most),
            () -> answer(attempt.to(), message, most));
    return new Answer(states.truth(), states.follower());
  }

  private Map<String, State> answer(Side side, String message, Duration most) throws SQLException {
    Map<String, State> states = new HashMap<>();
    List<List<List<@Nullable String>>> answer =
        attempt.sessions().besideOn(side).rows(message, most);
    for (List<@Nullable String> row : answer.get(answer.size() - 1)) {
      ComparedTable table =
          wanted.get(Integer.parseInt(Objects.requireNonNull(row.get(0)))).table();
      String key = Objects.requireNonNull(row.get(1));
      states.put(
          "%s (%s)=(%s)"
              .formatted(
                  table.label(),
                  String.join(", ", table.key()),
                  key.substring(1, key.length() - 1)),
          new State(String.join(" ", row.subList(2, 5)), "t".equals(row.get(5))));
    }
    return states;
  }

  /**
   * A row as one side has it.
   *
   * @param hash of how many there are and what they hold
   * @param wide whether what they hold was not looked at
   */
  private record State(String hash, boolean wide) {}

  /** What both sides have, by the names of rows as people write them. */
  private record Answer(Map<String, State> here, Map<String, State> there) {
    Set<String> wide() {
      Set<String> names = new HashSet<>();
      for (Map<String, State> side : List.of(here, there)) {
        side.forEach((name, state) -> names.addAll(state.wide() ? Set.of(name) : Set.of()));
      }
      return names;
    }

    List<String> differing() {
      TreeSet<String> names = new TreeSet<>(here.keySet());
      names.addAll(there.keySet());
      names.removeIf(name -> Objects.equals(here.get(name), there.get(name)));
      names.removeAll(wide());
      return List.copyOf(names);
    }
  }

  /** What is to be said of them at the end, or an empty text. */
  String words() {
    if (failure != null) {
      return "; rows in flux were not looked at again: " + failure;
    }
    return equal + unasked == 0
        ? ""
        : "; rows in flux: %d looked at again and equal%s"
            .formatted(equal, unasked > 0 ? ", %d not looked at again".formatted(unasked) : "");
  }
}
