package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The SQL of the steps by hand: what the switchover runs, in a form that a person can read. */
final class ByHandSql {
  /**
   * Writes one statement for each sequence that has been used: its value and a margin for what was
   * handed out while it was read; never back, unless the sequence goes round; one that the other
   * side has not got is passed by.
   */
  static final String SEQUENCES =
      """
      SELECT format('SELECT setval(to_regclass(%L), %s) FROM pg_sequences WHERE schemaname = %L AND sequencename = %L AND (cycle OR coalesce(last_value %s %s, true));', format('%I.%I', schemaname, sequencename), ahead, schemaname, sequencename, CASE WHEN inc > 0 THEN '<' ELSE '>' END, ahead)
        FROM ("""
          + Sequences.ahead(
              "SELECT schemaname, sequencename, increment_by::numeric AS inc, min_value::numeric AS low, max_value::numeric AS high, cycle AS cyclic, last_value::numeric AS last FROM pg_sequences WHERE last_value IS NOT NULL AND schemaname <> 'whimbrel'",
              Sequences.MARGIN)
          + ") AS s;";

  private ByHandSql() {}

  static String moveWayBack(Names names) {
    return """
    SELECT pg_replication_slot_advance(%1$s, pg_current_wal_insert_lsn());
    SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %2$s;
    SELECT pg_copy_logical_replication_slot(%1$s, %2$s);"""
        .formatted(Quoting.literal(names.baseSlot()), Quoting.literal(names.liveSlot()));
  }

  static String opening(
      Authority.Row gaining, Side losing, long epoch, @Nullable UUID marker, String stream) {
    String proof =
        marker == null
            ? ""
            : "IF NOT %s THEN RAISE EXCEPTION 'not everything has arrived'; END IF;\n"
                .formatted(arrived(losing, marker));
    return openingWith(
        proof + LargeObjectFence.BY_HAND,
        Authority.compareAndSet(gaining, gaining.side(), epoch, null, null),
        stream);
  }

  static String openAlone(Authority.Row row, long epoch, @Nullable String stream) {
    return openingWith(
        "",
        Authority.compareAndSet(row, row.side(), epoch, null, "by hand, as inspect printed it"),
        stream);
  }

  private static String openingWith(String proof, String compareAndSet, @Nullable String stream) {
    return """
        BEGIN;
        SET LOCAL synchronous_commit = on;
        SET LOCAL statement_timeout = '15s';
        DO $$ DECLARE t record; BEGIN
        %s%s%s%sEND $$;
        COMMIT;"""
        .formatted(
            proof,
            stream == null
                ? ""
                : "EXECUTE 'ALTER SUBSCRIPTION %s DISABLE';\n"
                    .formatted(Quoting.identifier(stream)),
            compareAndSet,
            FenceSql.OPENING);
  }

  static String arrived(Side from, UUID marker) {
    return "EXISTS (SELECT FROM %s WHERE id = '%s')".formatted(Markers.table(from), marker);
  }
}
