package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Compares large objects by number, content, owner, rights and comment. No stream carries them:
 * what was written since the pass that brought them last is in flux, and so is one that only the
 * follower has, which the next pass removes.
 */
final class LargeObjectComparison {
  private static final int AT_ONCE = 500;

  /** Piece by piece, so that no server has to hold an object: a hole is none of them. */
  private static final String BY_PIECES =
      """
      select m.oid::int8,
        (select encode(sha256(string_agg(int4send(l.pageno) || sha256(l.data), ''::bytea order by l.pageno)), 'hex')
           from pg_largeobject l where l.loid = m.oid),
        concat_ws(' ', pg_get_userbyid(m.lomowner),
          (select string_agg(concat_ws('/', g.name, e.privilege_type, e.is_grantable, pg_get_userbyid(e.grantor)), ' '
              order by g.name collate "C", e.privilege_type collate "C", pg_get_userbyid(e.grantor))
             from aclexplode(coalesce(m.lomacl, acldefault('L', m.lomowner))) as e
             cross join lateral (select case when e.grantee <> 0 then pg_get_userbyid(e.grantee) end) as g(name))),
        obj_description(m.oid, 'pg_largeobject')
      from pg_largeobject_metadata m where m.oid::int8 > ? and m.oid::int8 <= ?""";

  /** For who may not read the pieces: one object of a gigabyte at most. */
  private static final String AS_A_WHOLE =
      "select oid::int8, encode(sha256(lo_get(oid)), 'hex'), '', null from pg_largeobject_metadata"
          + " where oid::int8 > ? and oid::int8 <= ?";

  private final Pair pair;
  private final Tally tally;
  private final boolean goesOn;

  /**
   * A comparison to be run once.
   *
   * @param goesOn whether the truth goes on, so that something may be in flux
   */
  LargeObjectComparison(Pair pair, Tally tally, boolean goesOn) {
    this.pair = pair;
    this.tally = tally;
    this.goesOn = goesOn;
  }

  private record Seen(@Nullable String content, @Nullable String rights, @Nullable String comment) {

    /** Whether it differs by a comment that is gone, of which no row version tells. */
    boolean lacksComment(@Nullable Seen other) {
      return comment == null
          && other != null
          && new Seen(content, rights, other.comment).equals(other);
    }
  }

  void run() throws SQLException {
    boolean pieces = mayReadPieces(pair.truth()) && mayReadPieces(pair.follower());
    // Before anything is read: what a pass brings meanwhile was written behind this number.
    @Nullable String since = pieces && goesOn ? since() : null;
    long after = -1;
    while (true) {
      @Nullable Long upTo = boundary(pair.truth(), after);
      Map<Long, Seen> truth = read(pair.truth(), pieces, after, upTo);
      Map<Long, Seen> follower = read(pair.follower(), pieces, after, upTo);
      compare(truth, follower, since);
      if (upTo == null) {
        return;
      }
      after = upTo;
    }
  }

  private void compare(Map<Long, Seen> truth, Map<Long, Seen> follower, @Nullable String since)
      throws SQLException {
    for (Map.Entry<Long, Seen> object : truth.entrySet()) {
      Seen other = follower.get(object.getKey());
      if (!object.getValue().equals(other)) {
        if (since != null
            && (object.getValue().lacksComment(other) || writtenSince(object.getKey(), since))) {
          tally.inFlux(1);
        } else if (other == null) {
          tally.difference(
              "large object %d: missing on the %s".formatted(object.getKey(), tally.follower()));
        } else if (!Objects.equals(object.getValue().content(), other.content())) {
          tally.difference("large object %d: differs".formatted(object.getKey()));
        } else {
          tally.difference(
              "large object %d: differs in its owner, rights or comment"
                  .formatted(object.getKey()));
        }
      }
    }
    for (Long oid : follower.keySet()) {
      if (!truth.containsKey(oid)) {
        if (since != null) {
          tally.inFlux(1);
        } else {
          tally.difference("large object %d: only on the %s".formatted(oid, tally.follower()));
        }
      }
    }
  }

  /** The number from which on nothing was brought; null where nothing is known of it. */
  private @Nullable String since() throws SQLException {
    String[] found = new String[1];
    String[] server = new String[1];
    new Query()
        .add("select " + LargeObjectPass.SERVER)
        .run(pair.truth(), row -> server[0] = row.getString(1));
    for (Connection side : new Connection[] {pair.truth(), pair.follower()}) {
      boolean[] there = new boolean[1];
      new Query()
          .add("select to_regclass('whimbrel.large_object_pass') is not null")
          .run(side, row -> there[0] = row.getBoolean(1));
      if (there[0]) {
        new Query()
            .add(
                "select (below % 4294967296)::text from whimbrel.large_object_pass where server = ?",
                Objects.requireNonNull(server[0]))
            .run(side, row -> found[0] = row.getString(1));
      }
    }
    return found[0];
  }

  private boolean writtenSince(long oid, String since) throws SQLException {
    boolean[] written = new boolean[1];
    String fresh = "age(xmin) <= age('" + since + "'::xid)";
    new Query()
        .add(
            "select exists (select from pg_largeobject where loid::int8 = ? and "
                + fresh
                + ") or exists (select from pg_description where classoid = 2613 and objoid::int8 = ? and "
                + fresh
                + ") or not exists (select from pg_largeobject_metadata where oid::int8 = ? and not "
                + fresh
                + ")",
            oid,
            oid,
            oid)
        .run(pair.truth(), row -> written[0] = row.getBoolean(1));
    return written[0];
  }

  private static boolean mayReadPieces(Connection connection) throws SQLException {
    boolean[] may = new boolean[1];
    new Query()
        .add("select rolsuper from pg_roles where rolname = current_user")
        .run(connection, row -> may[0] = row.getBoolean(1));
    return may[0];
  }

  private static @Nullable Long boundary(Connection connection, long after) throws SQLException {
    Long[] found = new Long[1];
    new Query()
        .add(
            "select oid::int8 from pg_largeobject_metadata where oid::int8 > ? order by oid offset "
                + (AT_ONCE - 1)
                + " limit 1",
            after)
        .run(connection, row -> found[0] = row.getLong(1));
    return found[0];
  }

  private static Map<Long, Seen> read(
      Connection connection, boolean pieces, long after, @Nullable Long upTo) throws SQLException {
    Map<Long, Seen> contents = new TreeMap<>();
    new Query()
        .add(pieces ? BY_PIECES : AS_A_WHOLE, after, upTo == null ? Long.MAX_VALUE : upTo)
        .run(
            connection,
            row ->
                contents.put(
                    row.getLong(1),
                    new Seen(row.getString(2), row.getString(3), row.getString(4))));
    return contents;
  }
}
