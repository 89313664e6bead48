package dev.whimbrel.postgres;

import java.util.List;
import java.util.UUID;
import java.util.stream.Collectors;
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

  static String opening(Authority.Row gaining, long epoch, @Nullable UUID marker, Stream stream) {
    String proof =
        marker == null
            ? ""
            : "IF NOT %s THEN RAISE EXCEPTION 'not everything has arrived'; END IF;\n"
                .formatted(stream.arrived(marker));
    return openingWith(
        proof + LargeObjectFence.BY_HAND,
        Authority.compareAndSet(gaining, gaining.side(), epoch, null, null),
        stream.subscriptions());
  }

  static String openAlone(Authority.Row row, long epoch, List<String> subscriptions) {
    return openingWith(
        "",
        Authority.compareAndSet(row, row.side(), epoch, null, "by hand, as inspect printed it"),
        subscriptions);
  }

  private static String openingWith(
      String proof, String compareAndSet, List<String> subscriptions) {
    return """
        BEGIN;
        SET LOCAL synchronous_commit = on;
        SET LOCAL statement_timeout = '15s';
        DO $$ DECLARE t record; BEGIN
        %s%s%s%sEND $$;
        COMMIT;"""
        .formatted(
            proof,
            subscriptions.stream()
                .map(Quoting::identifier)
                .map("EXECUTE 'ALTER SUBSCRIPTION %s DISABLE';\n"::formatted)
                .collect(Collectors.joining()),
            compareAndSet,
            FenceSql.OPENING);
  }
}
