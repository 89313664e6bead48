package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;

/**
 * What stops writes to large objects, on which no trigger can stand: the functions that write them
 * are taken from everybody in the transaction that closes a side, and given back in the one that
 * opens it. The right to a function is looked at when a statement begins, so that who has begun
 * before may still write: {@link LargeObjects#last} ends those.
 *
 * <p>Only a superuser can take them, and none can be kept from using them: where Whimbrel's role is
 * none, nothing is taken, and {@link LargeObjectChecks} lets no large object into a migration.
 */
final class LargeObjectFence {
  /** Rows of {@code pg_proc p} that write large objects. */
  static final String WRITERS =
      "p.pronamespace = 'pg_catalog'::regnamespace AND p.proname IN ('lo_creat', 'lo_create', 'lo_from_bytea',"
          + " 'lo_import', 'lo_put', 'lo_truncate', 'lo_truncate64', 'lo_unlink', 'lowrite')";

  /** The right of the owner, a superuser: an array of rights that is empty cannot be written. */
  private static final String OWNERS = "makeaclitem(p.proowner, p.proowner, 'EXECUTE', false)";

  /** What is taken and from whom, and how far a side follows. Again is harmless. */
  static final String TABLES =
      """
      CREATE SCHEMA IF NOT EXISTS whimbrel;
      CREATE TABLE IF NOT EXISTS whimbrel.large_object_function (oid oid PRIMARY KEY, acl aclitem[]);
      CREATE TABLE IF NOT EXISTS whimbrel.large_object_pass (
        one boolean PRIMARY KEY DEFAULT true CHECK (one),
        turn uuid NOT NULL, server text, below bigint, at timestamptz);
      """;

  /** Rights that a person has given while the side was closed count when it opens. */
  private static final String GRANTED_MEANWHILE =
      """
      UPDATE whimbrel.large_object_function f
         SET acl = coalesce(f.acl, acldefault('f', p.proowner)) || ARRAY(SELECT a FROM unnest(p.proacl) AS a
               WHERE NOT a = %1$s AND NOT coalesce(f.acl, acldefault('f', p.proowner)) @> a)
        FROM pg_proc p WHERE p.oid = f.oid AND EXISTS (SELECT FROM unnest(p.proacl) AS a
               WHERE NOT a = %1$s AND NOT coalesce(f.acl, acldefault('f', p.proowner)) @> a);
      """
          .formatted(OWNERS);

  /**
   * PL/pgSQL that takes the functions; what was taken before stays as it was recorded. To be put
   * into the transaction that closes.
   */
  static final String TAKING =
      """
      IF to_regclass('whimbrel.large_object_function') IS NOT NULL
         AND (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user) THEN
        %3$s
        INSERT INTO whimbrel.large_object_function (oid, acl) SELECT p.oid, p.proacl FROM pg_proc p
         WHERE %1$s AND NOT EXISTS (SELECT FROM whimbrel.large_object_function f WHERE f.oid = p.oid);
        UPDATE pg_proc p SET proacl = ARRAY[%2$s] WHERE %1$s AND p.proacl IS DISTINCT FROM ARRAY[%2$s];
      END IF;
      """
          .formatted(WRITERS, OWNERS, GRANTED_MEANWHILE);

  /**
   * PL/pgSQL that gives back what was taken, as it was, but to roles that are gone; and ends every
   * pass that brings to this side. To be put into the transaction that opens, which it never makes
   * fail: a right that a person has to give back is better than a side that nobody can write to.
   */
  static final String GIVING_BACK =
      """
      IF to_regclass('whimbrel.large_object_function') IS NOT NULL THEN
        IF EXISTS (SELECT FROM whimbrel.large_object_function) THEN
          BEGIN
            %3$s
            UPDATE pg_proc p SET proacl = CASE WHEN NOT EXISTS (SELECT FROM aclexplode(f.acl) AS e WHERE %1$s) THEN f.acl
                   ELSE coalesce(nullif(ARRAY(SELECT a FROM unnest(f.acl) AS a
                     WHERE NOT EXISTS (SELECT FROM aclexplode(ARRAY[a]) AS e WHERE %1$s)), '{}'), ARRAY[%2$s]) END
              FROM whimbrel.large_object_function f WHERE f.oid = p.oid;
            DELETE FROM whimbrel.large_object_function;
          EXCEPTION WHEN insufficient_privilege THEN
            RAISE WARNING 'the functions that write large objects stay taken: see whimbrel.large_object_function';
          END;
        END IF;
        UPDATE whimbrel.large_object_pass SET turn = gen_random_uuid(), server = NULL, below = NULL;
      END IF;
      """
          .formatted(
              "e.grantee <> 0 AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = e.grantee)",
              OWNERS,
              GRANTED_MEANWHILE);

  /** PL/pgSQL of the steps by hand, which do not carry large objects: nobody loses them unasked. */
  static final String BY_HAND =
      """
      IF EXISTS (SELECT FROM pg_largeobject_metadata)
         AND coalesce(current_setting('whimbrel.without_large_objects', true), '') <> 'on' THEN
        RAISE EXCEPTION 'there are large objects: what was written to them last is not carried by hand'
          USING HINT = 'Let a worker do it. To go on without, and to copy them before anything goes back: PGOPTIONS="-c whimbrel.without_large_objects=on"';
      END IF;
      """;

  private LargeObjectFence() {}

  /** Creates what {@link #TAKING} needs. Again is harmless. */
  static void lay(Connection database) throws SQLException {
    Verbatim.execute(database, TABLES);
  }

  /** Takes the functions, if the condition holds. Again is harmless. */
  static void take(Connection database, String condition) throws SQLException {
    Verbatim.execute(
        database, "DO $$ BEGIN IF " + condition + " THEN\n" + TAKING + "END IF; END $$");
  }

  /** Takes them on a side that is closed, whoever has closed it. Again is harmless. */
  static void takeNow(Session closed, Duration limit) throws SQLException {
    closed.run(
        "SET LOCAL synchronous_commit = local; "
            + (LastLargeObjects.isLaid(closed) ? "" : TABLES)
            + "DO $$ BEGIN\n"
            + TAKING
            + "END $$",
        limit);
  }

  /** Gives back what was taken and forgets everything. Again is harmless. */
  static void remove(Connection database) throws SQLException {
    Verbatim.execute(database, "DO $$ BEGIN\n" + GIVING_BACK + "END $$");
    if (staysTaken(database)) {
      // Whoever goes on drops the schema, and with it the record of what was taken.
      throw Failures.needsHelp(
          "The functions that write large objects are still taken, and Whimbrel's role may not give them back",
          "as a superuser there, run the command; then retry",
          "UPDATE pg_proc p SET proacl = f.acl FROM whimbrel.large_object_function f WHERE f.oid = p.oid; DELETE FROM whimbrel.large_object_function;");
    }
    Verbatim.execute(
        database,
        "DROP TABLE IF EXISTS whimbrel.large_object_pass, whimbrel.large_object_function");
  }

  /**
   * Whether a dump of that side shows rights as they are while it is closed. Only a superuser takes
   * them, and looks.
   */
  static boolean isTaken(Connection side) throws SQLException {
    return Answers.holds(side, Roles.SUPERUSER) && staysTaken(side);
  }

  /** Whether something is taken still, on a side that was opened. */
  static boolean staysTaken(Connection opened) throws SQLException {
    return Answers.holds(opened, "SELECT to_regclass('whimbrel.large_object_function') IS NOT NULL")
        && Answers.holds(opened, "SELECT EXISTS (SELECT FROM whimbrel.large_object_function)");
  }
}
