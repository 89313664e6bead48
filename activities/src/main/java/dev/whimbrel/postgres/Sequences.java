package dev.whimbrel.postgres;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Carries sequences from the losing to the gaining side, which streams do not: the value with a
 * margin, {@code is_called}, direction; never lowered. The margin covers values that were handed
 * out between the reading and the hand-over, since a table lock does not stop {@code nextval}.
 */
final class Sequences {
  /** Values handed out while writers wait: about one for each session. */
  static final int MARGIN = 1000;

  /** Lists the sequences; outside the pause. */
  static final String LIST =
      """
      SELECT format('%I.%I', n.nspname, c.relname), s.seqincrement, s.seqmin, s.seqmax
        FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relpersistence <> 't' AND n.nspname NOT LIKE 'pg\\_%'
         AND n.nspname NOT IN ('information_schema', 'whimbrel')
       ORDER BY c.oid""";

  private Sequences() {}

  /** Reads all listed sequences: name, increment, lowest, highest, last value, is_called. */
  static String read(List<List<@Nullable String>> listed) {
    if (listed.isEmpty()) {
      return "SELECT 1 WHERE false";
    }
    List<String> parts = new ArrayList<>();
    for (List<@Nullable String> one : listed) {
      String name = Objects.requireNonNull(one.get(0));
      parts.add(
          "SELECT %s, %s, %s, %s, last_value, is_called FROM %s"
              .formatted(Quoting.literal(name), one.get(1), one.get(2), one.get(3), name));
    }
    return String.join(" UNION ALL ", parts);
  }

  /**
   * One statement that raises the sequences on the gaining side; those it lacks are left out.
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
          "(%s, %s::numeric, %s::numeric, %s::numeric, %s::numeric, %s)"
              .formatted(
                  Quoting.literal(Objects.requireNonNull(one.get(0))),
                  one.get(1),
                  one.get(2),
                  one.get(3),
                  one.get(4),
                  "t".equals(one.get(5))));
    }
    return """
        DO $$
        DECLARE s record; here record; v numeric;
        BEGIN
          FOR s IN SELECT * FROM (VALUES %s) AS x(name, inc, low, high, last, called) LOOP
            CONTINUE WHEN to_regclass(s.name) IS NULL;
            EXECUTE 'SELECT last_value, is_called FROM ' || s.name INTO here;
            v := s.last;
            IF s.called AND s.high - s.last > 100.0 * %d * abs(s.inc)
               AND s.inc > 0 THEN
              v := s.last + s.inc * %d;
            ELSIF s.called AND s.inc < 0 AND s.last - s.low > 100.0 * %d * abs(s.inc) THEN
              v := s.last + s.inc * %d;
            END IF;
            IF (s.inc > 0 AND v > here.last_value) OR (s.inc < 0 AND v < here.last_value)
               OR (v = here.last_value AND s.called AND NOT here.is_called) THEN
              PERFORM setval(s.name::regclass, v::bigint, s.called);
            END IF;
          END LOOP;
        END $$"""
        .formatted(String.join(", ", values), margin, margin, margin, margin);
  }
}
