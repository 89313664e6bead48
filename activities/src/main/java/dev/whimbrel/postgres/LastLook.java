package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
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
 * <p>Which rows a look can take in is learnt before writes are held up, table by table and in
 * sessions of its own: a quarter of the pause budget for all of them. What would take longer, as a
 * row of megabytes does, and what a server cannot be asked, is not looked at, and the outcome says
 * how many rows that were. In the pause a server that answers with an error costs the look; one
 * that does not answer costs the attempt, since it could not open either. One round trip, and
 * nothing where no row was in flux. A rollback does not look: it must not wait for rows.
 */
final class LastLook {
  private static final Duration CALL = Duration.ofSeconds(10);

  /** The budget's part that all rows together may take. */
  private static final int PART = 4;

  /** How long the rehearsal may take, whatever the budget is. */
  private static final Duration REHEARSAL = Duration.ofSeconds(10);

  /** A change of the catalog that waits at the fence stands in front of whoever reads. */
  private static final Duration LOCK = Duration.ofMillis(100);

  /** So many rows are named where they differ. */
  private static final int NAMED = 20;

  private final Attempt attempt;
  private final Duration limit;
  private final List<Rows> wanted = new ArrayList<>();
  private final Set<String> failures = new TreeSet<>();
  private int unasked;
  private int equal;

  private LastLook(Attempt attempt) {
    this.attempt = attempt;
    this.limit = attempt.request().pauseBudget().dividedBy(PART);
  }

  /** Rows of one table. */
  private record Rows(ComparedTable table, KeyedRows reader, List<List<String>> keys) {
    Rows half() {
      return new Rows(table, reader, keys.subList(0, keys.size() / 2));
    }

    int size() {
      return keys.size();
    }
  }

  private static int size(List<Rows> tables) {
    return tables.stream().mapToInt(Rows::size).sum();
  }

  /** Finds out, before writes are held up, which rows there are and how long a look takes. */
  static LastLook before(Attempt attempt) throws SQLException {
    LastLook look = new LastLook(attempt);
    if (attempt.to() == Side.TARGET) {
      Map<RowsInFlux.Noted, List<List<String>>> noted = RowsInFlux.read(attempt.gaining());
      if (!noted.isEmpty()) {
        look.rehearse(look.choose(noted));
      }
    }
    return look;
  }

  private List<Rows> choose(Map<RowsInFlux.Noted, List<List<String>>> noted) throws SQLException {
    List<Rows> chosen = new ArrayList<>();
    Map<RowsInFlux.Noted, ComparedTable> tables = new LinkedHashMap<>();
    Pair pair = new Pair(attempt.losing().connection(CALL), attempt.gaining().connection(CALL));
    TablePairing.of(pair, new Tally(attempt.from()))
        .pair(shapes(pair.truth(), attempt.from()), shapes(pair.follower(), attempt.to()))
        .forEach(table -> tables.put(RowsInFlux.Noted.of(table), table));
    RowHash hash = RowHash.of(attempt.request().hash(), pair);
    noted.forEach(
        (name, keys) -> {
          ComparedTable table = tables.get(name);
          if (table == null) {
            unasked += keys.size(); // It is gone, or has another key.
          } else {
            chosen.add(new Rows(table, new KeyedRows(table, hash), keys));
          }
        });
    // The smallest first: one that takes too long shall not keep the others from being looked at.
    chosen.sort(Comparator.comparingInt(Rows::size));
    return chosen;
  }

  private Map<String, TableShape> shapes(Connection database, Side side) throws SQLException {
    return Settled.ask(
        side,
        attempt.request().move(),
        database,
        moving -> TableCatalog.read(database, moving, "r"));
  }

  private void rehearse(List<Rows> chosen) throws SQLException {
    int all = unasked + size(chosen);
    Deadline rehearsal = new Deadline(REHEARSAL);
    Duration taken = Duration.ZERO;
    try (Session here = attempt.sessions().another(attempt.from());
        Session there = attempt.sessions().another(attempt.to())) {
      for (Rows rows : chosen) {
        Rows less = rows;
        while (less.size() > 0 && !rehearsal.passed()) {
          attempt.pulse().check();
          // Half of it: the look itself may be slower, beside whoever waits for the locks.
          Duration left = limit.dividedBy(2).minus(taken);
          Deadline fits = new Deadline(left);
          if (answers(here, there, less, left) && !fits.passed()) {
            wanted.add(less);
            taken = taken.plus(fits.elapsed());
            break;
          }
          less = less.half();
        }
      }
    } catch (SQLException e) {
      // These sessions are gone, and with them what was not looked at yet. Whether the server is,
      // is found out by those that do the work.
      failures.add(String.valueOf(e.getSQLState()));
    }
    unasked = all - size(wanted);
  }

  /** Whether both servers answer in time; what they cannot be asked is named by the outcome. */
  private boolean answers(Session here, Session there, Rows rows, Duration most)
      throws SQLException {
    try {
      ask(here, there, List.of(rows), most);
      return true;
    } catch (SQLException e) {
      if (SqlFailures.endsSession(e)) {
        throw e;
      }
      failures.add(rows.table().label() + " " + e.getSQLState());
      return false;
    }
  }

  /**
   * Looks at them, with every table locked and everything arrived.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} where one of them differs
   * @throws SQLException where a server does not answer
   */
  void look(Deadline deadline) throws SQLException {
    if (wanted.isEmpty()) {
      return;
    }
    int all = size(wanted);
    Duration most =
        Deadline.least(limit, deadline.forStep("look at the rows in flux").dividedBy(2));
    Answer answer;
    try {
      Sessions sessions = attempt.sessions();
      answer =
          ask(sessions.besideOn(attempt.from()), sessions.besideOn(attempt.to()), wanted, most);
    } catch (SQLException e) {
      if (SqlFailures.endsSession(e)) {
        throw e;
      }
      failures.add(String.valueOf(e.getSQLState()));
      unasked += all;
      return;
    } finally {
      attempt.sessions().trips().together();
    }
    List<String> differing = answer.differing();
    if (!differing.isEmpty()) {
      throw Failures.needsHelp(
          "Nothing was handed over: rows that were changing when they were compared differ, though everything has arrived (%d): %s%s"
              .formatted(
                  differing.size(),
                  String.join("; ", differing.subList(0, Math.min(NAMED, differing.size()))),
                  differing.size() > NAMED ? "; …" : ""),
          "writes stay on the source; find out who else writes to the target, mend these rows there and compare again, then retry. What is meant to differ is not asked for again after this on the target: UPDATE "
              + RowsInFlux.TABLE
              + " SET accepted = true WHERE table_name = '…' AND key = '{…}';",
          "whimbrel verify " + attempt.request().move().migration());
    }
    int wide = answer.wide().size();
    equal = all - wide;
    unasked += wide;
  }

  private static Answer ask(Session here, Session there, List<Rows> wanted, Duration most)
      throws SQLException {
    Query query =
        new Query()
            .add("set local statement_timeout = " + Math.max(1, most.toMillis()) + "; ")
            .add("set local lock_timeout = " + LOCK.toMillis() + "; ")
            .add(Pinned.here() + Planning.BY_INDEXES_HERE);
    for (Rows rows : wanted) {
      rows.reader().addByKey(query, rows.keys());
      query.add("; ");
    }
    String message = query.literally();
    Pair.Read<Map<String, State>> states =
        AtOnce.both(
            "whimbrel-last-look",
            () -> answer(here, wanted, message, most),
            () -> answer(there, wanted, message, most));
    return new Answer(states.truth(), states.follower());
  }

  private static Map<String, State> answer(
      Session side, List<Rows> wanted, String message, Duration most) throws SQLException {
    Map<String, State> states = new HashMap<>();
    List<List<List<@Nullable String>>> answer = side.rows(message, most);
    for (int i = 0; i < wanted.size(); i++) {
      ComparedTable table = wanted.get(i).table();
      for (List<@Nullable String> row : answer.get(i)) {
        String key = Objects.requireNonNull(row.get(0));
        states.put(
            "%s (%s)=(%s)"
                .formatted(
                    table.label(),
                    String.join(", ", table.key()),
                    key.substring(1, key.length() - 1)),
            new State(String.join(" ", row.subList(1, 4)), "t".equals(row.get(4))));
      }
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
    return equal + unasked == 0
        ? ""
        : "; rows in flux: %d looked at again and equal%s%s"
            .formatted(
                equal,
                unasked > 0 ? ", %d not looked at again".formatted(unasked) : "",
                failures.isEmpty() ? "" : " (" + String.join(", ", failures) + ")");
  }
}
