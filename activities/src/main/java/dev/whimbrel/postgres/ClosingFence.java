package dev.whimbrel.postgres;

/**
 * The function of a {@link Closing}'s triggers: it refuses a writer, or lets him through, with a
 * row in {@code whimbrel.passed} or without one. Whoever may write to a table may not write to that
 * one: the function does, for everybody.
 *
 * <p><b>What has to hold:</b> no write that was let through without a row lies behind a closing
 * that can still be handed over. The argument, for a transaction T that writes to table R:
 *
 * <ol>
 *   <li>T holds {@code ROW EXCLUSIVE} on R from before the trigger until it ends, or until the
 *       savepoint in which it took that lock is taken back, and then the write, its row and the
 *       lock go together. A closing, a hand-over and whoever takes triggers away hold R in a mode
 *       that conflicts, from before they look at anything until their COMMIT. So from the trigger
 *       to the end of T nobody closes or hands over: during that time one closing N is the last
 *       one, and N can only be renewed or ended. Rows of {@code passed} are taken away only behind
 *       the end of the closing in which they were left.
 *   <li><b>N was ended</b> when T asked: it is never un-ended, and a hand-over looks for that. The
 *       next closing waits for T and comes behind its write. No row is needed.
 *   <li><b>N is not ended, and T leaves a row:</b> the hand-over of N waits for T, and then sees
 *       the row, or that N was ended.
 *   <li><b>N is not ended, and T sees a row</b> of somebody else: it is committed and stays, as
 *       above. A row of T's own, of a savepoint that was not taken back, stays for as long as what
 *       T writes now: what takes that savepoint back later takes this write back too.
 * </ol>
 *
 * <p>It remains to know that what T sees is N, and not something older.
 *
 * <ul>
 *   <li>READ COMMITTED (and READ UNCOMMITTED, which is the same): each statement of the function
 *       has a snapshot of its own, taken with R's lock held. What it sees of the closing is true at
 *       that moment, and by 1 still is, but for a renewal or an end that came since: then T was
 *       refused, or left a row, or was let through because of a row, and each of these is right
 *       behind a renewal and behind an end too.
 *   <li>REPEATABLE READ and SERIALIZABLE: the snapshot is as old as T. One from before the database
 *       was ever closed shows no closing: 40001. Where it shows one that refuses, T is refused,
 *       which is always safe. Everything else rests on {@code FOR SHARE}: it fails with 40001 where
 *       the row is another one by now, be it renewed, ended or closed again, so that where it does
 *       not fail the snapshot showed N as it was at that moment, and 2 and 3 hold. ({@code FOR KEY
 *       SHARE} would not fail: the key is the same.) That moment is all that is wanted. The lock is
 *       given back at once, with the savepoint in which it was taken: a T of a minute would keep
 *       renewals and ends out for as long, and others would join it.
 *   <li>Such a T is never let through for the sake of a row that it sees, and so does not read
 *       {@code passed}: two SERIALIZABLE writers who both read and write there could never both
 *       commit. (Who reads {@code closing} conflicts with nobody: renewals and ends are not
 *       SERIALIZABLE.) Where N broke and still is renewed, that refuses T for {@link Closing#LEASE}
 *       longer, at the most.
 * </ul>
 *
 * <p>Clocks are asked for one thing only, whether to refuse. A wrong answer refuses who need not be
 * refused, or lets somebody through, with his row.
 */
final class ClosingFence {
  static final String FUNCTION =
      """
      CREATE OR REPLACE FUNCTION whimbrel.closing_fence() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $fence$
      DECLARE
        c record;
        sees_the_present boolean := current_setting('transaction_isolation') IN ('read committed', 'read uncommitted');
        sees_a_row boolean := false;
      BEGIN
        SELECT * INTO c FROM whimbrel.closing;
        IF c.one IS NULL THEN
          RAISE EXCEPTION 'cannot write to %%.%%: this database was closed for writes since this transaction began',
            TG_TABLE_SCHEMA, TG_TABLE_NAME USING ERRCODE = 'serialization_failure';
        END IF;
        IF c.ended_at IS NULL AND sees_the_present THEN
          sees_a_row := EXISTS (SELECT FROM whimbrel.passed);
        END IF;
        IF c.ended_at IS NULL AND NOT sees_a_row AND %s THEN
          RAISE EXCEPTION 'cannot write to %%.%%: this database is closed for writes while it is copied (since %%, until %% at the latest)',
            TG_TABLE_SCHEMA, TG_TABLE_NAME,
            to_char(c.closed_at AT TIME ZONE 'UTC', 'HH24:MI:SS "UTC"'), to_char(c.at_most AT TIME ZONE 'UTC', 'HH24:MI:SS "UTC"')
            USING ERRCODE = 'read_only_sql_transaction',
                  HINT = 'Reading goes on. Try again later: the service is being moved.';
        END IF;
        IF NOT sees_the_present THEN
          BEGIN
            PERFORM FROM whimbrel.closing FOR SHARE; -- fails where the row is another one by now
            RAISE EXCEPTION 'it is the same' USING ERRCODE = 'WHC04';
          EXCEPTION WHEN SQLSTATE 'WHC04' THEN
            NULL; -- whoever renews or ends it does not wait for us
          END;
        END IF;
        IF c.ended_at IS NULL AND NOT sees_a_row THEN
          INSERT INTO whimbrel.passed (role, relation) VALUES (session_user, format('%%I.%%I', TG_TABLE_SCHEMA, TG_TABLE_NAME));
        END IF;
        RETURN NULL;
      END $fence$;
      """
          .formatted(ClosingSql.RENEWED);

  private ClosingFence() {}
}
