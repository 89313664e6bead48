package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A database beside the one that a session is connected to, of the same encoding, collation, owner
 * and tablespace, to which the same roles may connect.
 */
final class NewDatabase {
  /** What only one database of a server can have. */
  private static final String IN_ONE_DATABASE_ONLY =
      "SELECT quote_ident(extname) FROM pg_catalog.pg_extension WHERE extname IN ('pg_cron') ORDER BY 1";

  private static final String THIS =
      " FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()";

  /** Columns that not every version has are read from the row as a document. */
  private static final String CREATION =
      """
      SELECT format('CREATE DATABASE %%I TEMPLATE template0 ENCODING %%L LC_COLLATE %%L LC_CTYPE %%L',
                    %1$s, pg_encoding_to_char(d.encoding), d.datcollate, d.datctype)
             || CASE j ->> 'datlocprovider'
                  WHEN 'i' THEN format(' LOCALE_PROVIDER icu ICU_LOCALE %%L', locale)
                                || CASE WHEN j ->> 'daticurules' IS NULL THEN '' ELSE format(' ICU_RULES %%L', j ->> 'daticurules') END
                  WHEN 'b' THEN format(' LOCALE_PROVIDER builtin BUILTIN_LOCALE %%L', locale)
                  WHEN 'c' THEN ' LOCALE_PROVIDER libc'
                  ELSE '' END
             -- To name the one that it would get anyway takes a right of its own.
             || CASE WHEN d.dattablespace = (SELECT o.dattablespace FROM pg_database o WHERE o.datname = 'template0')
                     THEN '' ELSE format(' TABLESPACE %%I', t.spcname) END
             || CASE WHEN pg_has_role(d.datdba, 'USAGE') AND pg_has_role(d.datdba, CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)
                     THEN format(' OWNER %%I', pg_get_userbyid(d.datdba)) ELSE '' END
        FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace
             CROSS JOIN LATERAL to_jsonb(d) AS j
             CROSS JOIN LATERAL (SELECT coalesce(j ->> 'datlocale', j ->> 'daticulocale') AS locale) AS l
       WHERE d.datname = current_database()""";

  private NewDatabase() {}

  /** The statement that makes it. */
  static String creation(Connection target, String database) throws SQLException {
    return PublishedTables.names(target, CREATION.formatted(Quoting.literal(database))).get(0);
  }

  /** The statement that drops it, with whoever is connected to it. */
  static String removal(String database) {
    return "DROP DATABASE IF EXISTS " + Quoting.identifier(database) + " WITH (FORCE)";
  }

  /** Statements behind its creation: whose it is, and who may connect to it. */
  static List<String> likeTheTarget(Connection target, String database, String migration)
      throws SQLException {
    String name = Quoting.identifier(database);
    List<String> statements = new ArrayList<>();
    statements.add(
        "COMMENT ON DATABASE %s IS %s"
            .formatted(
                name,
                Quoting.literal(
                    "Disposable: a suite of migration %s writes here; Whimbrel drops it."
                        .formatted(migration))));
    List<String> grants =
        PublishedTables.names(
            target,
            "SELECT format('GRANT %s ON DATABASE %I TO %s', a.privilege_type, "
                + Quoting.literal(database)
                + ", CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END)"
                + " FROM pg_catalog.pg_database d, LATERAL aclexplode(d.datacl) a"
                + " WHERE d.datname = pg_catalog.current_database() AND a.grantee <> d.datdba");
    if (Answers.holds(target, "SELECT true" + THIS + " AND d.datacl IS NOT NULL")) {
      statements.add("GRANT CONNECT, CREATE, TEMPORARY ON DATABASE " + name + " TO CURRENT_USER");
      statements.add("REVOKE ALL ON DATABASE " + name + " FROM PUBLIC");
      statements.addAll(grants);
    }
    return statements;
  }

  /**
   * Refuses what cannot stand in two databases of a server.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} where there is such a thing
   */
  static void requireCopyable(Connection target) throws SQLException {
    List<String> found = PublishedTables.names(target, IN_ONE_DATABASE_ONLY);
    if (!found.isEmpty()) {
      throw Failures.needsHelp(
          "Cannot clone the target for a suite: extension %s can stand in one database of a server only"
              .formatted(String.join(", ", found)),
          "skip the suite, or run it by hand on another server: `whimbrel clone` makes a copy there",
          null);
    }
  }

  /**
   * Refuses where the target's storage, as the runbook says it, does not hold a second copy. What
   * is not said cannot be seen.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} where there is no room
   */
  static void requireRoom(Connection target, @Nullable String storage) throws SQLException {
    if (storage == null) {
      return;
    }
    long needed = needed(target);
    long used =
        number(
            target,
            "SELECT coalesce(sum(pg_database_size(oid)), 0) FROM pg_catalog.pg_database"
                + " WHERE has_database_privilege(oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'USAGE')");
    if (used + needed > Size.parse(storage)) {
      throw Failures.needsHelp(
          "No room for a clone of the target: it needs about %s, the server's databases hold %s, and the storage is %s"
              .formatted(Size.words(needed), Size.words(used), storage),
          "enlarge the target's storage, and correct target.postgres.storage for the next start: this one goes on with the old figure, so skip the suite, or roll back and start again",
          null);
    }
  }

  /** What a clone takes, in words. */
  static String sizeWords(Connection target) throws SQLException {
    return Size.words(needed(target));
  }

  private static long needed(Connection target) throws SQLException {
    return Size.ofCopy(number(target, "SELECT pg_database_size(current_database())"));
  }

  private static long number(Connection target, String sql) throws SQLException {
    try (Statement statement = target.createStatement();
        ResultSet row = statement.executeQuery(sql)) {
      row.next();
      return row.getLong(1);
    }
  }
}
