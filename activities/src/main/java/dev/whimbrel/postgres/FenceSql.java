package dev.whimbrel.postgres;

/**
 * The PL/pgSQL that closes and opens, for the transaction in which the truth changes hands. The
 * steps by hand print the same text.
 */
final class FenceSql {
  /** As {@link Fence#TABLES}, and the table that stands for those to come. */
  static final String COVERED =
      """
      pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE (c.oid = to_regclass('whimbrel.ddl') OR c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
         AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname NOT IN ('information_schema', 'whimbrel'))""";

  /**
   * Which of the triggers each of many rows of {@code pg_class c} has: the catalog is read once.
   */
  private static final String HAVE_TRIGGERS =
      """
      c.oid IN (SELECT tgrelid FROM pg_trigger WHERE tgname = 'whimbrel_fence') AS has_fence,
      c.oid IN (SELECT tgrelid FROM pg_trigger WHERE tgname = 'whimbrel_fence_truncate') AS has_truncate""";

  /** Which of the triggers a single row of {@code pg_class c} has. */
  static final String HAS_TRIGGERS =
      """
      EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND tgname = 'whimbrel_fence') AS has_fence,
      EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND tgname = 'whimbrel_fence_truncate') AS has_truncate""";

  /** Makes what is missing of the triggers on table {@code t.name}. */
  static final String CREATE_MISSING =
      """
      IF NOT t.has_fence THEN
        EXECUTE format('CREATE TRIGGER whimbrel_fence BEFORE INSERT OR UPDATE OR DELETE ON %s FOR EACH STATEMENT EXECUTE FUNCTION whimbrel.fence()', t.name);
      END IF;
      IF NOT t.has_truncate THEN
        EXECUTE format('CREATE TRIGGER whimbrel_fence_truncate BEFORE TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION whimbrel.fence()', t.name);
      END IF;
      """;

  /** Closes table {@code t.name}. */
  static final String CLOSE_ONE =
      CREATE_MISSING
          + """
          EXECUTE format('ALTER TABLE ONLY %s ENABLE ALWAYS TRIGGER whimbrel_fence, ENABLE TRIGGER whimbrel_fence_truncate', t.name);
          """;

  /**
   * Closes every table, also one that was made after the fence was; needs {@code DECLARE t record}.
   * The lock comes before the tables are listed: DDL that is not committed is waited for.
   */
  static final String CLOSING =
      """
      IF to_regclass('whimbrel.ddl') IS NOT NULL THEN
        LOCK TABLE whimbrel.ddl IN SHARE ROW EXCLUSIVE MODE;
      END IF;
      FOR t IN SELECT format('%I.%I', n.nspname, c.relname) AS name,
      """
          + HAVE_TRIGGERS
          + " FROM "
          + COVERED
          + " ORDER BY n.nspname = 'whimbrel' DESC, c.oid LOOP\n"
          + CLOSE_ONE
          + "END LOOP;\n"
          + LargeObjectFence.TAKING;

  /**
   * Opens every table that has a fence; needs {@code DECLARE t record}. DDL comes first, since
   * opening a table is DDL.
   */
  static final String OPENING =
      """
      FOR t IN SELECT format('%I.%I', n.nspname, c.relname) AS name,
                      string_agg(format('DISABLE TRIGGER %I', g.tgname), ', ') AS triggers
                 FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE g.tgname IN ('whimbrel_fence', 'whimbrel_fence_truncate') AND NOT g.tgisinternal
                GROUP BY c.oid, n.nspname, c.relname ORDER BY n.nspname = 'whimbrel' DESC, c.oid LOOP
        EXECUTE format('ALTER TABLE ONLY %s %s', t.name, t.triggers);
      END LOOP;
      """
          + LargeObjectFence.GIVING_BACK;

  private FenceSql() {}

  /** Closes one table, open or not, if the condition holds. */
  static String close(String table, String condition) {
    return """
        DO $$ DECLARE t record; BEGIN
          IF %1$s THEN
            SELECT %2$s AS name, %3$s INTO t FROM pg_class c WHERE c.oid = %2$s::regclass;
            %4$s
          END IF;
        END $$"""
        .formatted(condition, Quoting.literal(table), HAS_TRIGGERS, CLOSE_ONE);
  }

  /** The triggers of one table, in the state in which DDL is: off where nothing is known. */
  static String install(String table) {
    return """
        DO $$ DECLARE t record; BEGIN
          LOCK TABLE whimbrel.ddl IN ROW EXCLUSIVE MODE;
          SELECT %1$s AS name, %2$s,
                 EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'whimbrel.ddl'::regclass
                            AND tgname = 'whimbrel_fence' AND tgenabled <> 'D') AS closed
            INTO t FROM pg_class c WHERE c.oid = %1$s::regclass;
          IF t.closed THEN
            %3$s
          ELSE
            %4$s
            EXECUTE format('ALTER TABLE ONLY %%s DISABLE TRIGGER whimbrel_fence, DISABLE TRIGGER whimbrel_fence_truncate', t.name);
          END IF;
        END $$"""
        .formatted(Quoting.literal(table), HAS_TRIGGERS, CLOSE_ONE, CREATE_MISSING);
  }
}
