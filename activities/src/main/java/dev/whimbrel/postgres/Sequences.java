package dev.whimbrel.postgres;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Carries sequences from the losing to the gaining side, which streams do not: the value with a
 * margin, {@code is_called}, direction; never back, unless the sequence goes round. The margin
 * covers values that were handed out between the reading and the hand-over, since a table lock does
 * not stop {@code nextval}.
 */
final class Sequences {
  /** Values handed out while writers wait: about one for each session. */
  static final int MARGIN = 1000;

  private static final String LISTING =
      """
      SELECT format('%I.%I', n.nspname, c.relname), s.seqincrement, s.seqmin, s.seqmax, s.seqcycle
        FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relpersistence <> 't' AND n.nspname NOT LIKE 'pg\\_%'
         AND n.nspname NOT IN ('information_schema', 'whimbrel') AND\s""";

  /**
   * Lists the sequences of a side that has nothing but what moves, outside the pause: name,
   * increment, lowest, highest, whether it goes round.
   */
  static final String LIST = list(Selection.EVERYTHING);

  private Sequences() {}

  /** As {@link #LIST}, without those that do not move. */
  static String list(Selection selection) {
    return LISTING + selection.moves() + " ORDER BY c.oid";
  }

  /** Reads all listed sequences: as {@link #LIST}, then last value and is_called. */
  static String read(List<List<@Nullable String>> listed) {
    if (listed.isEmpty()) {
      return "SELECT 1 WHERE false";
    }
    List<String> parts = new ArrayList<>();
    for (List<@Nullable String> one : listed) {
      String name = Objects.requireNonNull(one.get(0));
      parts.add(
          "SELECT %s, %s, %s, %s, %s, last_value, is_called FROM %s"
              .formatted(
                  Quoting.literal(name),
                  one.get(1),
                  one.get(2),
                  one.get(3),
                  "t".equals(one.get(4)),
                  name));
    }
    return String.join(" UNION ALL ", parts);
  }

  /**
   * A query that adds {@code ahead}, the value with its margin, to rows with {@code inc}, {@code
   * low}, {@code high}, {@code cyclic} and {@code last}. Near its end a sequence gives half of what
   * it has left, so that it neither hands out a value twice nor comes to its end by this; one that
   * goes round begins anew.
   *
   * @param margin values left free
   */
  static String ahead(String rows, int margin) {
    return """
        SELECT y.*, CASE WHEN NOT cyclic THEN last + inc * least(%1$d, floor(room / 2))
                         WHEN least(%1$d, floor(size / 2)) <= room THEN last + inc * least(%1$d, floor(size / 2))
                         ELSE CASE WHEN inc > 0 THEN low ELSE high END + inc * (least(%1$d, floor(size / 2)) - room - 1)
                    END AS ahead
          FROM (SELECT x.*, div(CASE WHEN inc > 0 THEN high - last ELSE last - low END, abs(inc)) AS room,
                       div(high - low, abs(inc)) + 1 AS size
                  FROM (%2$s) AS x) AS y"""
        .formatted(margin, rows);
  }

  /**
   * One statement that moves the sequences on the gaining side on; those it lacks are left out.
   *
   * @param read rows as {@link #read} returns them
   * @param margin values left free; 0 carries the exact value
   */
  static String carry(List<List<@Nullable String>> read, int margin) {
    if (read.isEmpty()) {
      return "SELECT 1 WHERE false";
    }
    List<String> values = new ArrayList<>();
    for (List<@Nullable String> one : read) {
      values.add(
          "(%s, %s::numeric, %s::numeric, %s::numeric, %s, %s::numeric, %s)"
              .formatted(
                  Quoting.literal(Objects.requireNonNull(one.get(0))),
                  one.get(1),
                  one.get(2),
                  one.get(3),
                  "t".equals(one.get(4)),
                  one.get(5),
                  "t".equals(one.get(6))));
    }
    return """
        DO $$
        DECLARE s record; here record; v numeric;
        BEGIN
          FOR s IN %s LOOP
            CONTINUE WHEN to_regclass(s.name) IS NULL;
            EXECUTE 'SELECT last_value, is_called FROM ' || s.name INTO here;
            v := CASE WHEN s.called THEN s.ahead ELSE s.last END;
            IF (s.inc > 0 AND v > here.last_value) OR (s.inc < 0 AND v < here.last_value)
               OR (v = here.last_value AND s.called AND NOT here.is_called)
               OR (s.cyclic AND s.called AND v <> here.last_value) THEN
              PERFORM setval(s.name::regclass, v::bigint, s.called);
            END IF;
          END LOOP;
        END $$"""
        .formatted(
            ahead(
                "SELECT * FROM (VALUES %s) AS z(name, inc, low, high, cyclic, last, called)"
                    .formatted(String.join(", ", values)),
                margin));
  }
}
