package dev.whimbrel.postgres;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The SQL that reads what was written to large objects since a transaction number, and that writes
 * it on the side that follows. Objects travel as rows of {@code pg_largeobject} and its neighbours:
 * a hole stays a hole, and a million objects need no million locks.
 */
final class LargeObjectRows {
  /** Rows that travel at once: four megabytes of text at most. */
  static final int TOGETHER = 1000;

  /** The catalogs' own numbers, the same on every version: pg_largeobject and pg_authid. */
  private static final int CLASS = 2613;

  private static final int ROLES = 1260;

  /** What initdb has made is pinned: nothing depends on it by name. */
  private static final int FIRST_NORMAL = 16384;

  /**
   * How many objects and comments there are, and the sums of their numbers: what a row version
   * cannot tell is one that is gone.
   */
  static final String COUNT =
      "SELECT o.n, c.n, o.sum, c.sum FROM (SELECT count(*) AS n, coalesce(sum(oid::bigint), 0) AS sum FROM pg_largeobject_metadata) AS o,"
          + " (SELECT count(*) AS n, coalesce(sum(objoid::bigint), 0) AS sum FROM pg_description WHERE classoid = "
          + CLASS
          + ") AS c";

  /** Labels of security providers, which are not carried. */
  static final String LABELS = "EXISTS (SELECT FROM pg_seclabel WHERE classoid = " + CLASS + ")";

  /** Removes every object with all that belongs to it; whoever still brings some fails. */
  static final String REMOVE_ALL =
      """
      DELETE FROM pg_catalog.pg_largeobject;
      DELETE FROM pg_catalog.pg_description WHERE classoid = %1$d;
      DELETE FROM pg_catalog.pg_shdepend WHERE classid = %1$d
         AND dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database());
      DELETE FROM pg_catalog.pg_largeobject_metadata;"""
          .formatted(CLASS);

  private LargeObjectRows() {}

  /**
   * Opens a cursor over everything that is not older than a number: {@code o} an object with owner
   * and rights, {@code c} a comment, {@code p} a page, {@code g} a range of pages that are not
   * there. Objects come first: one that has no pages yet is found when it is gone, pages without an
   * object would not be.
   *
   * @param since the number, or null for everything
   * @param first whether the other side has nothing yet, so that nothing can be missing here
   */
  static String declare(@Nullable Long since, boolean first) {
    // Both ages are counted from the same number, so that this compares as the server itself does.
    // A row frozen so long ago that it looks new is brought again, which is harmless.
    String fresh =
        since == null
            ? "true"
            : String.format(Locale.ROOT, "age(xmin) <= age('%d'::xid)", since & 0xFFFF_FFFFL);
    String pages = since == null ? "pg_largeobject" : "fresh";
    String touched =
        since == null
            ? "SELECT oid AS o FROM pg_largeobject_metadata"
            : "SELECT loid AS o FROM fresh UNION SELECT oid FROM pg_largeobject_metadata WHERE "
                + fresh;
    return "DECLARE whimbrel_objects NO SCROLL CURSOR FOR "
        + (since == null
            ? ""
            : "WITH fresh AS MATERIALIZED (SELECT loid, pageno, data FROM pg_largeobject WHERE "
                + fresh
                + ") ")
        + """
          SELECT 'o', m.oid::text, r.rolname::text,
                 CASE WHEN m.lomacl IS NOT NULL THEN (
                   SELECT coalesce(json_agg(json_build_array(i::text, grantee.rolname, grantor.rolname) ORDER BY n), '[]')::text
                     FROM unnest(m.lomacl) WITH ORDINALITY AS u(i, n)
                     CROSS JOIN LATERAL (SELECT x.grantor, x.grantee FROM aclexplode(ARRAY[i]) AS x LIMIT 1) AS e
                     LEFT JOIN pg_roles grantee ON grantee.oid = e.grantee
                     JOIN pg_roles grantor ON grantor.oid = e.grantor) END
            FROM pg_largeobject_metadata m LEFT JOIN pg_roles r ON r.oid = m.lomowner WHERE\s"""
        + fresh.replace("xmin", "m.xmin")
        + " UNION ALL SELECT 'c', objoid::text, NULL, description FROM pg_description WHERE classoid = "
        + CLASS
        + " AND objsubid = 0 AND "
        + fresh
        + " UNION ALL SELECT 'p', loid::text, pageno::text, encode(data, 'hex') FROM "
        + pages
        + (first
            ? ""
            : """
               UNION ALL
              SELECT 'g', o::text, (before + 1)::text, (page - 1)::text
                FROM (SELECT o, page, lag(page, 1, -1::bigint) OVER (PARTITION BY o ORDER BY page) AS before
                        FROM (WITH touched AS MATERIALIZED (%s)
                              SELECT t.o, l.pageno::bigint AS page FROM touched t JOIN pg_largeobject l ON l.loid = t.o
                               UNION ALL SELECT t.o, 2147483648 FROM touched t) AS x) AS y
               WHERE before + 1 < page"""
                .formatted(touched));
  }

  /** The next rows of the cursor. */
  static String fetch() {
    return "FETCH " + TOGETHER + " FROM whimbrel_objects";
  }

  /** Statements that write the rows, in the open transaction. Again is harmless. */
  static String write(List<List<@Nullable String>> rows) {
    List<String> pages = new ArrayList<>();
    List<String> places = new ArrayList<>();
    List<String> gaps = new ArrayList<>();
    List<String> objects = new ArrayList<>();
    List<String> comments = new ArrayList<>();
    for (List<@Nullable String> row : rows) {
      String oid = Objects.requireNonNull(row.get(1));
      switch (Objects.requireNonNull(row.get(0))) {
        case "p" -> {
          places.add("(" + oid + "::oid, " + row.get(2) + ")");
          pages.add("(" + oid + ", " + row.get(2) + ", decode('" + row.get(3) + "', 'hex'))");
        }
        case "g" -> gaps.add("(" + oid + "::oid, " + row.get(2) + ", " + row.get(3) + ")");
        case "o" ->
            objects.add("(" + oid + "::oid, " + text(row.get(2)) + ", " + text(row.get(3)) + ")");
        default -> comments.add("(" + oid + "::oid, " + text(row.get(3)) + ")");
      }
    }
    // The catalogs have no statistics to speak of, and every row here has an index. Of what stands
    // among other things in a large one, OFFSET 0 lets nobody look through all of it for one row.
    StringBuilder sql =
        new StringBuilder(
            "SET LOCAL enable_seqscan = off;"
                + " SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;\n");
    if (!gaps.isEmpty()) {
      sql.append("DELETE FROM pg_largeobject l USING (VALUES ")
          .append(String.join(", ", gaps))
          .append(
              ") AS v(o, a, b) WHERE l.loid = v.o AND l.pageno BETWEEN v.a::int AND v.b::int;\n");
    }
    if (!pages.isEmpty()) {
      sql.append("DELETE FROM pg_largeobject l USING (VALUES ")
          .append(String.join(", ", places))
          .append(") AS v(o, n) WHERE l.loid = v.o AND l.pageno = v.n;\n")
          .append("INSERT INTO pg_largeobject (loid, pageno, data) VALUES ")
          .append(String.join(", ", pages))
          .append(";\n");
    }
    if (!objects.isEmpty()) {
      sql.append(writeObjects(String.join(", ", objects)));
    }
    if (!comments.isEmpty()) {
      String values = "(VALUES " + String.join(", ", comments) + ") AS v(o, comment)";
      sql.append(
          """
          DELETE FROM pg_description WHERE ctid = ANY (ARRAY(
            SELECT x.place FROM %2$s CROSS JOIN LATERAL (SELECT d.ctid AS place FROM pg_description d
              WHERE d.classoid = %1$d AND d.objoid = v.o AND d.objsubid = 0 OFFSET 0) AS x));
          INSERT INTO pg_description (objoid, classoid, objsubid, description) SELECT o, %1$d, 0, comment FROM %2$s;
          """
              .formatted(CLASS, values));
    }
    return sql.toString();
  }

  /** An owner that is missing here is ourselves; what names a missing role is left out. */
  private static String writeObjects(String values) {
    return """
        DELETE FROM pg_shdepend WHERE ctid = ANY (ARRAY(
          SELECT x.place FROM (VALUES %3$s) AS v(o, owner, acl) CROSS JOIN LATERAL (
            SELECT s.ctid AS place FROM pg_shdepend s WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
               AND s.classid = %1$d AND s.objid = v.o AND s.objsubid = 0 OFFSET 0) AS x));
        DELETE FROM pg_largeobject_metadata m USING (VALUES %3$s) AS v(o, owner, acl) WHERE m.oid = v.o;
        INSERT INTO pg_largeobject_metadata (oid, lomowner, lomacl)
        SELECT v.o, coalesce((SELECT r.oid FROM pg_roles r WHERE r.rolname = v.owner), current_user::regrole::oid),
               CASE WHEN v.acl IS NOT NULL THEN coalesce(nullif(ARRAY(
                 SELECT (e ->> 0)::aclitem FROM json_array_elements(v.acl::json) AS e
                  WHERE (e ->> 1 IS NULL OR e ->> 1 IN (SELECT rolname FROM pg_roles))
                    AND e ->> 2 IN (SELECT rolname FROM pg_roles)), '{}'),
                 -- An array of rights that is empty cannot be written: a right to nothing.
                 ARRAY[format('%%1$s=/%%1$s', quote_ident(current_user))::aclitem]) END
          FROM (VALUES %3$s) AS v(o, owner, acl);
        INSERT INTO pg_shdepend (dbid, classid, objid, objsubid, refclassid, refobjid, deptype)
        SELECT d.oid, %1$d, m.oid, 0, %2$d, x.role, x.kind
          FROM (VALUES %3$s) AS v(o, owner, acl) JOIN pg_largeobject_metadata m ON m.oid = v.o
          JOIN pg_database d ON d.datname = current_database()
          CROSS JOIN LATERAL (
            SELECT m.lomowner AS role, 'o'::"char" AS kind UNION
            SELECT z.role, 'a' FROM (SELECT grantee AS role FROM aclexplode(m.lomacl)
                               UNION SELECT grantor FROM aclexplode(m.lomacl)) AS z WHERE z.role <> m.lomowner) AS x
         WHERE x.role >= %4$d;
        """
        .formatted(CLASS, ROLES, values, FIRST_NORMAL);
  }

  /** How many there are in each range of 16,384 numbers, and their sum. */
  static String ranges(boolean ofComments) {
    return "SELECT %1$s::bigint >> 14, count(*), sum(%1$s::bigint) FROM %2$s GROUP BY 1"
        .formatted(column(ofComments), all(ofComments));
  }

  /** The numbers of some ranges, or of all where none is given, with commas. */
  static String numbers(List<Long> ranges, boolean ofComments) {
    return "SELECT coalesce(string_agg(%1$s::text, ','), '') FROM %2$s AND %3$s"
        .formatted(column(ofComments), all(ofComments), in(ranges, column(ofComments)));
  }

  /** Statements that remove what is in these ranges and is not among those numbers. */
  static String removeOthers(List<Long> ranges, String numbers, boolean ofComments) {
    String gone =
        "%2$s AND NOT EXISTS (SELECT FROM unnest('{%3$s}'::oid[]) AS u WHERE u = %1$s)"
            .formatted(column(ofComments), in(ranges, column(ofComments)), numbers);
    if (ofComments) {
      return "SET LOCAL enable_hashjoin = on; DELETE FROM %s AND %s;\n".formatted(all(true), gone);
    }
    return """
        SET LOCAL enable_hashjoin = on;
        DO $$ DECLARE gone oid[] := ARRAY(SELECT oid FROM pg_largeobject_metadata WHERE %2$s); BEGIN
          DELETE FROM pg_largeobject WHERE loid = ANY (gone);
          DELETE FROM pg_description WHERE classoid = %1$d AND objoid = ANY (gone);
          DELETE FROM pg_shdepend WHERE ctid = ANY (ARRAY(
            SELECT x.place FROM unnest(gone) AS u(o) CROSS JOIN LATERAL (
              SELECT s.ctid AS place FROM pg_shdepend s WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
                 AND s.classid = %1$d AND s.objid = u.o AND s.objsubid = 0 OFFSET 0) AS x));
          DELETE FROM pg_largeobject_metadata WHERE oid = ANY (gone);
        END $$;
        """
        .formatted(CLASS, gone);
  }

  private static String column(boolean ofComments) {
    return ofComments ? "objoid" : "oid";
  }

  /** A table with a condition. */
  private static String all(boolean ofComments) {
    return ofComments
        ? "pg_description WHERE classoid = " + CLASS
        : "pg_largeobject_metadata WHERE true";
  }

  private static String in(List<Long> ranges, String column) {
    return ranges.isEmpty()
        ? "true"
        : "%1$s >= '%2$d'::oid AND %1$s <= '%3$d'::oid AND (%1$s::bigint >> 14) = ANY ('{%4$s}'::bigint[])"
            .formatted(
                column,
                ranges.get(0) << 14,
                (ranges.get(ranges.size() - 1) << 14) + 16_383,
                ranges.stream().map(String::valueOf).collect(Collectors.joining(",")));
  }

  private static String text(@Nullable String text) {
    return text == null ? "NULL::text" : Quoting.literal(text) + "::text";
  }
}
