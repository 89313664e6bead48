package dev.whimbrel.cli;

import dev.whimbrel.runbook.Connect;
import dev.whimbrel.runbook.DnsSpec;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.runbook.PostgresUrl;
import dev.whimbrel.runbook.Runbook;
import java.util.List;

/**
 * The card: the exact SQL and DNS changes to go forward or back by hand, for the night when nothing
 * else works. Written before the migration starts, so it is there when the engine is not.
 */
final class Card {
  private static final String TABLES =
      """
      SELECT format('%I.%I', n.nspname, c.relname) AS name
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
             AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname NOT IN ('information_schema', 'whimbrel')""";

  private final Runbook runbook;
  private final String base;

  private Card(Runbook runbook) {
    this.runbook = runbook;
    this.base = "whimbrel_" + runbook.name().replace('-', '_');
  }

  static String of(Runbook runbook) {
    return new Card(runbook).text();
  }

  private String text() {
    return """
    # Card of %s: forward or back by hand

    For the case that Temporal and every worker are gone. First ask both databases who is the truth: `whimbrel inspect
    RUNBOOK` needs nothing but the databases; without it, run the question below on both. No worker may run meanwhile: it
    would act as well.

    - source: `%s`
    - target: `%s`

    ## Who is the truth?

    On both databases. The row with the higher epoch is right; no row: the source, nothing has happened yet.

    ```sql
    SELECT migration, side, writable, epoch, changed_at FROM whimbrel.authority;
    ```

    %s
    %s
    ## Give writes back to the source before any hand-over

    Both rows say `source`: the source never stopped being the truth. Should its fence be on, open it.

    ```sql
    -- on the source
    %s
    ```

    """
        .formatted(
            runbook.name(),
            psql(runbook.source().postgres()),
            psql(runbook.target().postgres()),
            over("Forward", "source", "target", "forward", "reverse"),
            over("Back", "target", "source", "reverse", "forward"),
            opening())
        .replaceAll("(?m)[ ]+$", "");
  }

  private String over(String title, String from, String to, String stream, String wayBack) {
    return """
    ## %1$s: from %2$s to %3$s

    Only where both rows say `%2$s`, the stream `%4$s_%5$s` runs, and its lag is small. Writes are refused from step 1 to
    step 5. If a step fails before step 5, undo step 1 with the last section of this card, on the %2$s.

    ```sql
    -- 1. on the %2$s: close it, and say so, in one transaction
    BEGIN;
    SET LOCAL synchronous_commit = on;
    SET LOCAL lock_timeout = '3s';
    %6$s
    UPDATE whimbrel.authority SET writable = '%3$s', epoch = epoch + 1, changed_at = clock_timestamp()
     WHERE migration = '%7$s' AND writable = '%2$s';            -- must say: UPDATE 1
    COMMIT;
    SELECT pg_logical_emit_message(true, 'whimbrel', 'drain');
    SELECT pg_current_wal_insert_lsn();                          -- note it: LSN

    -- 2. on the %2$s: repeat until it says t, so that nothing is left behind
    SELECT confirmed_flush_lsn >= 'LSN' FROM pg_replication_slots WHERE slot_name = '%4$s_%8$s';

    -- 3. on the %2$s: this prints the sequences; run what it prints on the %3$s
    SELECT format('SELECT setval(%%L, %%s, true);', format('%%I.%%I', schemaname, sequencename),
                  coalesce(last_value, start_value))
      FROM pg_sequences WHERE last_value IS NOT NULL AND schemaname <> 'whimbrel';

    -- 4. on the %3$s: keep a way back, where step 6 is wanted
    SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
     WHERE slot_name = '%4$s_%9$s' AND NOT active;
    SELECT pg_create_logical_replication_slot('%4$s_%9$s', 'pgoutput');

    -- 5. on the %3$s: open it
    ALTER SUBSCRIPTION %4$s_%5$s DISABLE;
    BEGIN;
    SET LOCAL synchronous_commit = on;
    %10$s
    UPDATE whimbrel.authority SET writable = '%3$s', epoch = epoch + 1, changed_at = clock_timestamp()
     WHERE migration = '%7$s';                                  -- must say: UPDATE 1
    COMMIT;

    -- 6. on the %2$s: the stream back
    ALTER SUBSCRIPTION %4$s_%11$s SET (slot_name = '%4$s_%9$s');
    ALTER SUBSCRIPTION %4$s_%11$s ENABLE;
    ```

    7. Applications: %12$s
    %13$s
    """
        .formatted(
            title,
            from,
            to,
            base,
            stream,
            closing(),
            runbook.name(),
            slot(from),
            slot(to),
            opening(),
            wayBack,
            applications(to),
            names(to));
  }

  /** The forward slot stands on the source, the live one on the target. */
  private static String slot(String side) {
    return side.equals("source") ? "forward" : "live";
  }

  private static String closing() {
    return loop(
        """
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER whimbrel_fence', t.name);
            EXECUTE format('ALTER TABLE %s ENABLE TRIGGER whimbrel_fence_truncate', t.name);""");
  }

  private static String opening() {
    return loop(
        """
        EXECUTE format('ALTER TABLE %s DISABLE TRIGGER whimbrel_fence', t.name);
            EXECUTE format('ALTER TABLE %s DISABLE TRIGGER whimbrel_fence_truncate', t.name);""");
  }

  private static String loop(String body) {
    return """
    DO $$ DECLARE t record; BEGIN
      FOR t IN %s
           AND EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = c.oid AND g.tgname = 'whimbrel_fence')
      LOOP
        %s
      END LOOP;
    END $$;"""
        .formatted(TABLES, body);
  }

  private String applications(String to) {
    StringBuilder text = new StringBuilder();
    PostgresUrl url = PostgresUrl.parse(side(to).url());
    for (Connect connect : runbook.connect()) {
      if (connect.pgbouncer() != null) {
        text.append(
            "\n   - PgBouncer `%s`: `PAUSE %s;`, set host=%s port=%d dbname=%s, `RELOAD;`, `RESUME %s;`"
                .formatted(
                    PostgresUrl.parse(connect.pgbouncer().admin()).where(),
                    connect.pgbouncer().database(),
                    url.host(),
                    url.port(),
                    url.database(),
                    connect.pgbouncer().database()));
      } else if (connect.command() != null) {
        List<String> command =
            to.equals("target") ? connect.command().doIt() : connect.command().undo();
        text.append("\n   - `").append(String.join(" ", command)).append("`");
      } else if (connect.dns() != null) {
        text.append("\n   - point `%s` to %s".formatted(connect.dns().name(), url.where()));
      } else {
        text.append("\n   - people point every application to %s".formatted(url.where()));
      }
    }
    return text.toString();
  }

  private String names(String to) {
    DnsSpec dns = runbook.dns();
    if (dns == null || dns.rfc2136() == null) {
      return "";
    }
    List<String> addresses =
        (to.equals("target") ? runbook.target() : runbook.source()).addresses();
    int ttl = dns.ttl().lower().get(dns.ttl().lower().size() - 1);
    StringBuilder text = new StringBuilder("8. Names, with `nsupdate -k KEYFILE`:\n\n```\n");
    text.append("server ")
        .append(dns.rfc2136().server().replaceFirst(":(\\d+)$", " $1"))
        .append('\n');
    text.append("zone ").append(dns.rfc2136().zone()).append('\n');
    for (String name : dns.names()) {
      String absolute = name.endsWith(".") ? name : name + ".";
      text.append("update delete ").append(absolute).append(" A\n");
      text.append("update delete ").append(absolute).append(" AAAA\n");
      for (String address : addresses) {
        String type = address.contains(":") ? "AAAA" : "A";
        text.append("update add %s %d %s %s\n".formatted(absolute, ttl, type, address));
      }
    }
    return text.append("send\n```\n").toString();
  }

  private PostgresSpec side(String word) {
    return (word.equals("target") ? runbook.target() : runbook.source()).postgres();
  }

  private static String psql(PostgresSpec postgres) {
    return "psql '" + postgres.url() + "'";
  }
}
