package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.SwitchoverRequest;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Decides while one server cannot be reached. Nothing is decided silently: what the reachable side
 * cannot prove alone waits for {@code patience}, then for a named person.
 */
final class OneSided {
  private static final Duration CALL = Duration.ofSeconds(10);

  private final Databases databases;
  private final SwitchoverRequest request;
  private final Side lost;
  private final boolean patienceOver;
  private final Followers followers;
  private final Pulse pulse;

  OneSided(
      Databases databases,
      SwitchoverRequest request,
      Side lost,
      boolean patienceOver,
      Followers followers,
      Pulse pulse) {
    this.databases = databases;
    this.request = request;
    this.lost = lost;
    this.patienceOver = patienceOver;
    this.followers = followers;
    this.pulse = pulse;
  }

  /**
   * Looks at the side that is left.
   *
   * @return how it ended, or null where waiting may still help
   */
  @Nullable HandOver decide() throws SQLException {
    pulse.check();
    Side to = request.to();
    if (lost == to) {
      if (patienceOver) {
        throw Failures.transientFailure(
            "The %s cannot be reached, and it is the side that shall take the writes"
                .formatted(to.word()));
      }
      return null;
    }
    try (Sessions sessions =
        Sessions.openOne(
            databases, request.move(), "switchover alone", Duration.ofMinutes(2), to)) {
      Authority.Row row = sessions.row(to);
      Fencing fencing = new Fencing(request);
      if (row.writable() == to && Fence.notOpen(sessions.on(to).connection()).isEmpty()) {
        // Only this side's own COMMIT could have given the truth away.
        if (to == Side.SOURCE) {
          row = fencing.refuseLateHandOvers(sessions, row);
          Closing.endAny(sessions.on(to).connection(CALL), "rolled back");
        }
        if (row.moved()) {
          follow();
        }
        return result(row.epoch(), row.moved(), "the " + lost.word() + " cannot be reached");
      }
      if (row.writable() != to) {
        fencing.mustBeExpected(row);
      }
      if (!patienceOver) {
        return null;
      }
      if (request.acceptLossBy() == null) {
        throw askForHelp(sessions, row);
      }
      return openAlone(sessions, row);
    }
  }

  private HandOver openAlone(Sessions sessions, Authority.Row row) throws SQLException {
    Session session = sessions.on(request.to());
    Stream stream = Stream.leaving(lost, request.move());
    long epoch = row.epoch() + 1;
    String note =
        LostSource.note(
            Objects.requireNonNull(request.acceptLossBy()),
            Objects.requireNonNullElse(request.reason(), ""));
    Selection selection = Selection.on(request.to(), request.move(), session.connection(CALL));
    awaitWorkerGone(session, stream);
    session.run(
        """
        BEGIN; DO $$ DECLARE t record; top numeric; here record; BEGIN
          %s %s %s %s
        END $$"""
            .formatted(
                Opening.stop(stream),
                RAISE_SEQUENCES.replace("{s.oid}", selection.moves("s.oid")),
                Authority.compareAndSet(row, request.to(), epoch, null, note),
                FenceSql.OPENING),
        Duration.ofSeconds(60));
    session.run("COMMIT", Opening.COMMIT);
    follow();
    return result(epoch, true, note + "; what the " + lost.word() + " had not sent is lost");
  }

  /**
   * Streams do not carry sequences: past every value that is in a column that owns one, and past
   * what was carried over last. One that goes round has no value that is past the others.
   */
  private static final String RAISE_SEQUENCES =
      """
      FOR t IN SELECT format('%I.%I', sn.nspname, s.relname) AS seq, q.seqincrement AS inc, q.seqmin AS low,
                      q.seqmax AS high, q.seqcycle AS cyclic,
                      CASE WHEN a.attname IS NULL OR q.seqcycle THEN 'NULL::numeric'
                           ELSE format('(SELECT %s(%I)::numeric FROM %I.%I)',
                                       CASE WHEN q.seqincrement > 0 THEN 'max' ELSE 'min' END, a.attname, n.nspname, c.relname)
                      END AS top
                 FROM pg_sequence q JOIN pg_class s ON s.oid = q.seqrelid
                 JOIN pg_namespace sn ON sn.oid = s.relnamespace
                 LEFT JOIN pg_depend d ON d.objid = s.oid AND d.classid = 'pg_class'::regclass
                       AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
                 LEFT JOIN pg_class c ON c.oid = d.refobjid LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
                 LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
                       AND a.atttypid = ANY ('{int2,int4,int8,numeric}'::regtype[])
                WHERE s.relpersistence <> 't' AND sn.nspname NOT LIKE 'pg\\_%' AND sn.nspname NOT IN ('information_schema', 'whimbrel') AND {s.oid} LOOP
        EXECUTE format('SELECT last_value::numeric AS v, is_called, %s AS top FROM %s', t.top, t.seq) INTO here;
        CONTINUE WHEN here.top IS NULL AND NOT here.is_called;
        top := CASE WHEN t.inc > 0 THEN least(greatest(here.top, here.v), t.high) ELSE greatest(least(here.top, here.v), t.low) END;
        SELECT z.ahead INTO top FROM ("""
          + Sequences.ahead(
              "SELECT t.inc::numeric AS inc, t.low::numeric AS low, t.high::numeric AS high, t.cyclic AS cyclic, top AS last",
              Sequences.MARGIN)
          + """
          ) AS z;
        PERFORM setval(t.seq::regclass, top::bigint, true);
      END LOOP;
      """;

  private void awaitWorkerGone(Session session, Stream stream) throws SQLException {
    Deadline limit = new Deadline(Duration.ofSeconds(5));
    while (!limit.passed()
        && session.value(
                "SELECT 1 FROM pg_stat_subscription WHERE subname = %s AND pid IS NOT NULL"
                    .formatted(PublishedTables.anyOf(stream.subscriptions())),
                CALL)
            != null) {
      pulse.rest(Duration.ofMillis(100));
    }
  }

  private RuntimeException askForHelp(Sessions sessions, Authority.Row row) throws SQLException {
    Session session = sessions.on(request.to());
    if (request.move().offline() && lost == Side.SOURCE) {
      throw askForHelpBehindClosing(session, row);
    }
    Stream stream = Stream.leaving(lost, request.move());
    List<@Nullable String> proven =
        session
            .rows(
                """
                SELECT coalesce((SELECT max(written_at)::text FROM %s), 'never'),
                       coalesce((SELECT CASE WHEN count(at) = %d THEN min(at)::text END FROM (
                                   SELECT pg_replication_origin_progress('pg_' || oid, true) AS at
                                     FROM pg_subscription WHERE subname = %s
                                      AND subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())) o), 'unknown')"""
                    .formatted(
                        Markers.table(lost),
                        stream.lanes().size(),
                        PublishedTables.anyOf(stream.subscriptions())),
                CALL)
            .get(0)
            .get(0);
    String verb = request.to() == Side.SOURCE ? "rollback" : "promote";
    return Failures.needsHelp(
        new Failures.Help(
            "The %s cannot be reached for %d s, and %s. Proven to have arrived on the %s: everything up to %s (%s)%s. What the %s acknowledged after that may be missing"
                .formatted(
                    lost.word(),
                    request.patience().toSeconds(),
                    row.writable() == lost
                        ? "it is the truth (epoch %d since %s)"
                            .formatted(row.epoch(), row.changedAt())
                        : "it may have handed over already",
                    request.to().word(),
                    Objects.requireNonNull(proven.get(0)),
                    Objects.requireNonNull(proven.get(1)),
                    LastLargeObjects.arrived(", and of large objects up to ", session),
                    lost.word()),
            "bring the %s back and retry; or, where it is gone for good, accept the loss by name"
                .formatted(lost.word()),
            "whimbrel %s %s --accept-loss --by NAME --reason WHY"
                .formatted(verb, request.move().migration()),
            row.writable() != lost));
  }

  /** Nothing streams: the target holds what the source held when it was closed, or a part of it. */
  private RuntimeException askForHelpBehindClosing(Session session, Authority.Row row)
      throws SQLException {
    boolean whole = ClosedCopy.isComplete(session.connection(CALL));
    Integer closing = request.closing();
    return Failures.needsHelp(
        new Failures.Help(
            "The source cannot be reached for %d s, and %s. %s"
                .formatted(
                    request.patience().toSeconds(),
                    row.writable() == lost
                        ? "it is the truth (epoch %d since %s)"
                            .formatted(row.epoch(), row.changedAt())
                        : "it may have handed over already",
                    whole
                        ? "The target holds everything that the source held when it was closed%s. What the source acknowledged after that, where it has opened by itself, is missing"
                            .formatted(closing == null ? "" : " (closing " + closing + ")")
                        : "THE TARGET HOLDS A PART OF IT ONLY: the copy is not complete"),
            whole
                ? "bring the source back and retry; or, where it is gone for good, accept the loss by name"
                : "bring the source back, or restore it from its backup: the target is no replacement for it",
            whole
                ? "whimbrel promote %s --accept-loss --by NAME --reason WHY"
                    .formatted(request.move().migration())
                : null,
            row.writable() != lost));
  }

  private void follow() {
    followers.ready(request.to());
    followers.follow(request.to());
  }

  private HandOver result(long epoch, boolean handedOver, String how) {
    return new HandOver(
        request.to(),
        epoch,
        null,
        0,
        0,
        handedOver,
        false,
        "writes go to the %s (%s), epoch %d".formatted(request.to().word(), how, epoch));
  }
}
