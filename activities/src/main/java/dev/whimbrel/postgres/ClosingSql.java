package dev.whimbrel.postgres;

import java.time.Duration;

/** The SQL of a {@link Closing}: what it consists of, and what closes, opens and spends it. */
final class ClosingSql {
  static final String TABLES =
      """
      CREATE SCHEMA IF NOT EXISTS whimbrel;
      CREATE TABLE IF NOT EXISTS whimbrel.closing (
        one boolean PRIMARY KEY DEFAULT true CHECK (one),
        number int NOT NULL DEFAULT 0,
        closed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        renewed timestamptz NOT NULL DEFAULT clock_timestamp(),
        lease interval NOT NULL DEFAULT '0',
        at_most timestamptz NOT NULL DEFAULT clock_timestamp(),
        fingerprint text,
        files text,
        triggers text,
        ended_at timestamptz DEFAULT clock_timestamp(),
        ended text DEFAULT 'never closed');
      CREATE TABLE IF NOT EXISTS whimbrel.passed (
        at timestamptz NOT NULL DEFAULT clock_timestamp(), role text, relation text);
      INSERT INTO whimbrel.closing DEFAULT VALUES ON CONFLICT (one) DO NOTHING;
      """;

  /**
   * Whether a row of the table is in force by this server's clock. One that was set back must not
   * keep the source closed until it has caught up.
   */
  static final String RENEWED =
      "(clock_timestamp() BETWEEN c.renewed - c.lease AND c.renewed + c.lease AND clock_timestamp() < c.at_most)";

  static final String NAMED =
      "g.tgname IN ('whimbrel_closing', 'whimbrel_closing_truncate') AND NOT g.tgisinternal";

  /** Where the rows of each table are stored: another one when a table was rewritten. */
  private static final String FILES =
      "(SELECT coalesce(sum(hashtextextended(concat_ws('/', c.oid, pg_relation_filenode(c.oid)), 0)::numeric), 0)::text FROM "
          + FenceSql.COVERED
          + ")";

  /** Which versions of the triggers there are: another one of each that was switched since. */
  private static final String VERSIONS =
      "(SELECT coalesce(sum(hashtextextended(concat_ws('/', g.tgrelid, g.tgname, g.xmin), 0)::numeric), 0)::text FROM pg_trigger g WHERE "
          + NAMED
          + ")";

  /**
   * Whether somebody has switched a trigger off since the closing, and on again just as it was.
   * That figure outlives VACUUM FULL and FREEZE of the catalog.
   */
  static final String SWITCHED =
      "EXISTS (SELECT FROM whimbrel.closing WHERE triggers IS DISTINCT FROM " + VERSIONS + ")";

  /**
   * Whether somebody may have changed rows by DDL since the closing. Where DDL is guarded nobody
   * has: what rewrites a table then leaves its rows as they are, such as VACUUM FULL.
   */
  static final String REWRITTEN =
      "EXISTS (SELECT FROM whimbrel.closing WHERE files IS DISTINCT FROM "
          + FILES
          + ") AND NOT EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'whimbrel_ddl' AND evtenabled = 'A')";

  private static final String HAVE_TRIGGERS =
      """
      c.oid IN (SELECT tgrelid FROM pg_trigger WHERE tgname = 'whimbrel_closing') AS has_closing,
      c.oid IN (SELECT tgrelid FROM pg_trigger WHERE tgname = 'whimbrel_closing_truncate') AS has_truncate""";

  private static final String CREATE_MISSING =
      """
      IF NOT t.has_closing THEN
        EXECUTE format('CREATE TRIGGER whimbrel_closing BEFORE INSERT OR UPDATE OR DELETE ON %s FOR EACH STATEMENT EXECUTE FUNCTION whimbrel.closing_fence()', t.name);
      END IF;
      IF NOT t.has_truncate THEN
        EXECUTE format('CREATE TRIGGER whimbrel_closing_truncate BEFORE TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION whimbrel.closing_fence()', t.name);
      END IF;
      """;

  /**
   * PL/pgSQL that closes every table, whose locks are held; needs {@code DECLARE t record}. What
   * stands for tables to come is last, since all before it is DDL.
   */
  private static final String ENABLE =
      "FOR t IN SELECT format('%I.%I', n.nspname, c.relname) AS name,\n"
          + HAVE_TRIGGERS
          + " FROM "
          + FenceSql.COVERED
          + " ORDER BY n.nspname = 'whimbrel', c.oid LOOP\n"
          + CREATE_MISSING
          + """
          EXECUTE format('ALTER TABLE ONLY %s ENABLE ALWAYS TRIGGER whimbrel_closing, ENABLE ALWAYS TRIGGER whimbrel_closing_truncate', t.name);
          END LOOP;
          """;

  /** PL/pgSQL that takes the triggers out of every writer's way; needs {@code DECLARE t record}. */
  private static final String DISABLE =
      """
      FOR t IN SELECT format('%I.%I', n.nspname, c.relname) AS name,
                      string_agg(format('DISABLE TRIGGER %I', g.tgname), ', ') AS triggers
                 FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE\s"""
          + NAMED
          + """
           AND g.tgenabled <> 'D'
                GROUP BY c.oid, n.nspname, c.relname ORDER BY n.nspname = 'whimbrel' DESC, c.oid LOOP
        EXECUTE format('ALTER TABLE ONLY %s %s', t.name, t.triggers);
      END LOOP;
      """;

  /**
   * At once, whatever they are, and only where no closing is left in which they count: whoever
   * closes touches the table before its closing can be seen.
   */
  static final String FORGET =
      """
      BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '300ms';
      LOCK TABLE whimbrel.passed IN ACCESS EXCLUSIVE MODE;
      DO $$ BEGIN
        IF NOT EXISTS (SELECT FROM whimbrel.closing WHERE ended_at IS NULL) THEN
          TRUNCATE whimbrel.passed;
        END IF;
      END $$;
      COMMIT""";

  /** The same where somebody reads the table, as a backup does for hours. */
  static final String FORGET_ROW_BY_ROW =
      "DELETE FROM whimbrel.passed WHERE NOT EXISTS"
          + " (SELECT FROM whimbrel.closing WHERE ended_at IS NULL)";

  /** Ends the closing of this number, or of a smaller one: a later one stays as it is. */
  static final String END =
      "UPDATE whimbrel.closing SET ended_at = pg_catalog.clock_timestamp(), ended = ?"
          + " WHERE number <= ? AND ended_at IS NULL";

  /**
   * Tables that do not have both triggers as the closing left them. Nobody else sets {@code A}: to
   * enable triggers again, all or one, sets {@code O}.
   */
  static final String UNCOVERED =
      "SELECT format('%I.%I', n.nspname, c.relname) AS name FROM "
          + FenceSql.COVERED
          + """
           AND NOT (c.oid IN (SELECT tgrelid FROM pg_trigger WHERE tgname = 'whimbrel_closing' AND tgenabled = 'A')
                AND c.oid IN (SELECT tgrelid FROM pg_trigger WHERE tgname = 'whimbrel_closing_truncate' AND tgenabled = 'A'))
           ORDER BY c.oid""";

  /**
   * PL/pgSQL that ends whatever closing there is where another side is the truth, and takes its
   * triggers away; needs {@code DECLARE t record}. DDL's guard comes first, or it would be met.
   */
  static final String GIVE_UP =
      DISABLE
          + """
          IF to_regclass('whimbrel.closing') IS NOT NULL THEN
            UPDATE whimbrel.closing SET ended_at = clock_timestamp(), ended = 'given up' WHERE ended_at IS NULL;
          END IF;
          """;

  /** What a person says to open the source without the engine. */
  static final String BY_HAND =
      "UPDATE whimbrel.closing SET ended_at = clock_timestamp(), ended = 'by hand' WHERE ended_at IS NULL";

  /** As one line between the double quotes of a shell; gives up where a table stays locked. */
  static final String LIFT_BY_HAND =
      ("SET lock_timeout = '2s'; DO \\$\\$ DECLARE t record; BEGIN " + GIVE_UP + " END \\$\\$")
          .replaceAll("\\s+", " ");

  private ClosingSql() {}

  /** The triggers of one table, off. */
  static String install(String table) {
    return """
        DO $$ DECLARE t record; BEGIN
          SELECT %1$s AS name, %2$s INTO t FROM pg_class c WHERE c.oid = %1$s::regclass;
          %3$s
          EXECUTE format('ALTER TABLE ONLY %%s DISABLE TRIGGER whimbrel_closing, DISABLE TRIGGER whimbrel_closing_truncate', t.name);
        END $$"""
        .formatted(Quoting.literal(table), HAVE_TRIGGERS, CREATE_MISSING);
  }

  /**
   * Takes the triggers of one table out of its writers' way, in a transaction of its own in READ
   * COMMITTED, or raises where a later closing stands, or this one does. No other closing can be
   * made while the table's lock is held: it needs that lock until its COMMIT.
   */
  static String lift(String table, int number) {
    return """
        LOCK TABLE ONLY %1$s IN SHARE ROW EXCLUSIVE MODE;
        DO $$ DECLARE triggers text; BEGIN
          IF NOT EXISTS (SELECT FROM whimbrel.closing WHERE number <= %3$d AND ended_at IS NOT NULL) THEN
            RAISE EXCEPTION 'closing %3$d was not ended, or a later one was made' USING ERRCODE = '%4$s';
          END IF;
          SELECT string_agg(format('DISABLE TRIGGER %%I', g.tgname), ', ') INTO triggers FROM pg_trigger g
           WHERE g.tgrelid = %2$s::regclass AND g.tgenabled <> 'D' AND %5$s;
          IF triggers IS NOT NULL THEN
            EXECUTE format('ALTER TABLE ONLY %%s %%s', %2$s, triggers);
          END IF;
        END $$"""
        .formatted(table, Quoting.literal(table), number, Closing.LATER_STATE, NAMED);
  }

  /**
   * The statement that closes, for a transaction that holds every table's lock. It raises where a
   * closing of this number, or a later one, was made before.
   *
   * @param fingerprint an expression of SQL
   */
  static String closing(int number, Duration atMost, String fingerprint) {
    return """
        DO $$ DECLARE t record; BEGIN
          %1$s
          DELETE FROM whimbrel.passed;
          UPDATE whimbrel.closing SET number = %2$d, closed_at = clock_timestamp(), renewed = clock_timestamp(),
                 lease = interval '%3$d milliseconds', at_most = clock_timestamp() + interval '%4$d milliseconds',
                 fingerprint = %5$s, files = %6$s, triggers = %7$s, ended_at = NULL, ended = NULL
           WHERE number < %2$d;
          IF NOT FOUND THEN
            RAISE EXCEPTION 'closing %2$d, or a later one, was made before' USING ERRCODE = '40001';
          END IF;
        END $$"""
        .formatted(
            ENABLE,
            number,
            Closing.LEASE.toMillis(),
            atMost.toMillis(),
            fingerprint,
            FILES,
            VERSIONS);
  }

  /**
   * PL/pgSQL of the hand-over, which holds every table's lock: raises unless nobody can have
   * written since the closing, and ends it. Behind it the fence itself refuses. Needs {@code
   * DECLARE t record}.
   */
  static String spend(int number) {
    return """
        UPDATE whimbrel.closing SET ended_at = clock_timestamp(), ended = '%4$s'
         WHERE number = %1$d AND ended_at IS NULL AND NOT EXISTS (SELECT FROM whimbrel.passed);
        IF NOT FOUND THEN
          RAISE EXCEPTION 'closing %1$d of the source did not hold' USING ERRCODE = '%2$s';
        END IF;
        %5$s LIMIT 1 INTO t;
        IF FOUND THEN
          RAISE EXCEPTION 'closing %1$d of the source did not hold: not on %%', t.name USING ERRCODE = '%2$s';
        END IF;
        IF %6$s THEN
          RAISE EXCEPTION 'closing %1$d of the source did not hold: a table was rewritten' USING ERRCODE = '%2$s';
        END IF;
        IF %7$s THEN
          RAISE EXCEPTION 'closing %1$d of the source did not hold: a trigger was switched' USING ERRCODE = '%2$s';
        END IF;
        %3$s
        """
        .formatted(
            number,
            Closing.BROKEN_STATE,
            DISABLE,
            Closing.HANDED_OVER,
            UNCOVERED,
            REWRITTEN,
            SWITCHED);
  }
}
