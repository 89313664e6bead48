package dev.whimbrel.cli;

import dev.whimbrel.activity.PreflightReport.PlannedChange;
import dev.whimbrel.activity.Slots;
import dev.whimbrel.runbook.Connect;
import dev.whimbrel.runbook.DnsSpec;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.runbook.PostgresUrl;
import dev.whimbrel.runbook.Runbook;
import dev.whimbrel.runbook.WalSpec;
import java.util.List;

/**
 * The card: whom to ask, in which order to act, and what applications and names need, for the night
 * when nothing else works. Written before the migration starts, so it is there when the engine is
 * not. The SQL that changes anything depends on where the databases stand by then, so {@code
 * inspect} prints it, and the card holds only what stays true.
 */
final class Card {
  private final Runbook runbook;
  private final String file;
  private final List<PlannedChange> changes;

  private Card(Runbook runbook, String file, List<PlannedChange> changes) {
    this.runbook = runbook;
    this.file = file;
    this.changes = changes;
  }

  /**
   * The card of a runbook that stands in a file.
   *
   * @param changes what a worker has typed out; without it, what the file alone tells
   */
  static String of(Runbook runbook, String file, List<PlannedChange> changes) {
    return new Card(runbook, file, changes).text();
  }

  private String text() {
    return """
    # Card of %1$s: forward or back by hand

    For the case that Temporal and every worker are gone. No worker may run meanwhile: it would act as well.

    - source: `%2$s`
    - target: `%3$s`

    ## 1. Ask both databases

    ```sh
    whimbrel inspect %6$s
    ```

    It needs no Temporal, only the databases and their passwords. It says who is the truth, and prints the exact SQL to go
    either way from where both databases stand at that moment; that SQL is not on this card, since it differs from state to
    state. Keep what it prints.

    Where it cannot run, ask by hand, on both:

    ```sql
    SELECT migration, side, writable, epoch, changed_at FROM whimbrel.authority;
    ```

    - There is no such table: nothing has happened yet. The source is the truth.
    - Both say `source`: the source is the truth. Before a hand-over has committed its servers give writes back by
      themselves within seconds; nothing needs to be done there.
    - Both say `target`: the target is the truth.
    - They differ, or one cannot be reached: the row with the higher epoch is right, but that side may not be open yet.
      Open nothing by hand without `inspect`: a side that is opened while the other one still takes writes loses some.

    ## 2. Go, in the order that `inspect` prints

    %4$s
    %5$s
    ## 3. If a server's disk fills while no worker runs

    The slots of the migration keep its log. On the side that takes the writes:

    ```sql
    SELECT slot_name, active, pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)) AS keeps
      FROM pg_replication_slots WHERE slot_name ~ '%7$s';
    ```

    Dropping them frees the log at the next checkpoint. Before the hand-over it costs the copy: start again. After it
    THERE IS NO WAY BACK any more, and the target stays the truth.

    ```sql
    SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name ~ '%7$s' AND active;
    SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name ~ '%7$s' AND NOT active;
    ```

    %8$s
    """
        .formatted(
            runbook.name(),
            psql(runbook.source().postgres()),
            psql(runbook.target().postgres()),
            over("Forward: from source to target", "target"),
            over("Back: from target to source", "source"),
            file.matches("[A-Za-z0-9_./:@%+-]+") ? file : "'" + file.replace("'", "'\\''") + "'",
            Slots.pattern(runbook.name()),
            atTheLimit(runbook.replicate().wal()))
        .replaceAll("(?m)[ ]+$", "");
  }

  /** What workers do about it while they are up. */
  private static String atTheLimit(WalSpec wal) {
    String limit = wal.limit() == null ? "the limit that `plan` names" : wal.limit();
    return wal.then() == null || wal.then().equals("release")
        ? "Workers do the same by themselves at "
            + limit
            + (wal.then() == null && wal.limit() == null
                ? ", where the runbook says how large the disk is; `status` then says why."
                : "; `status` then says why.")
        : "Workers do not: at %s %s."
            .formatted(limit, wal.then().equals("ask") ? "they ask a person" : "they only say so");
  }

  private String over(String title, String to) {
    return """
    ### %s

    1. The databases: what `inspect` prints, to the letter.
    2. Applications: %s
    %s
    """
        .formatted(title, applications(to), names(to));
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
      } else {
        text.append("\n   - people point every application to %s".formatted(url.where()));
      }
    }
    return text.toString();
  }

  /** Typed out before it is needed, from the records as they were found. */
  private String typedOut(String to) {
    StringBuilder text = new StringBuilder();
    int number = 3;
    for (PlannedChange change : changes) {
      List<String> commands = to.equals("target") ? change.plan().forward() : change.plan().back();
      if (change.what().endsWith("machines") || commands.isEmpty()) {
        continue;
      }
      text.append(
          "%d. %s:%n%n```sh%n"
              .formatted(number, change.what().equals("names") ? "Names" : "Traffic"));
      commands.forEach(command -> text.append(command).append('\n'));
      text.append("```\n");
      number++;
    }
    return text.toString();
  }

  private String names(String to) {
    if (!changes.isEmpty()) {
      return typedOut(to);
    }
    DnsSpec dns = runbook.dns();
    if (dns == null || dns.rfc2136() == null) {
      return "";
    }
    List<String> addresses =
        (to.equals("target") ? runbook.target() : runbook.source()).addresses();
    int ttl = dns.ttl().lower().get(dns.ttl().lower().size() - 1);
    StringBuilder text = new StringBuilder("3. Names, with `nsupdate -k KEYFILE`:\n\n```\n");
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
