package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * How tables are shared among streams. What foreign keys, partitions or inheritance tie together
 * stays together: TRUNCATE of tables that are tied arrives in each stream with that stream's tables
 * alone, and the target's server refuses it while a foreign key refers to one from outside. The
 * busiest of what is left comes first, and goes to the stream with the least to do so far.
 */
final class SharedTables {
  /** What is written to a partition goes by its root, and only what a stream carries counts. */
  private static final String TABLES =
      """
      SELECT c.oid::bigint, format('%%I.%%I', n.nspname, c.relname), coalesce(pg_partition_root(c.oid)::oid, c.oid)::bigint,
             CASE WHEN %1$s THEN coalesce((SELECT s.n_tup_ins + s.n_tup_upd + s.n_tup_del FROM pg_stat_user_tables s
                                            WHERE s.relid = c.oid), 0) ELSE 0 END,
             CASE WHEN %1$s THEN coalesce(pg_relation_size(c.oid), 0) ELSE 0 END
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'whimbrel')
       ORDER BY 2"""
          .formatted("c.relkind = 'r' AND " + PublishedTables.OF_THE_SERVICE);

  private static final String TIES =
      """
      SELECT conrelid::bigint, confrelid::bigint FROM pg_constraint WHERE contype = 'f'
      UNION ALL SELECT inhrelid::bigint, inhparent::bigint FROM pg_inherits""";

  private final Map<String, Long> oids = new LinkedHashMap<>();
  private final Map<Long, Group> groups = new HashMap<>();

  /** By the oid of what would be listed. */
  private final Map<Long, Load> loads = new HashMap<>();

  private SharedTables() {}

  /** Tables that stay together. */
  private static final class Group {
    private final Set<String> tables = new TreeSet<>();
    private final List<Long> members = new ArrayList<>();

    private String first() {
      return tables.iterator().next();
    }
  }

  /** What there is to do for a table and its partitions. */
  private record Load(long writes, long bytes) {
    private Load and(Load more) {
      return new Load(writes + more.writes, bytes + more.bytes);
    }
  }

  /**
   * What one stream carries.
   *
   * @param tables those that its publication lists, quoted
   * @param writes what was written to them, as the source's statistics know it
   * @param bytes what they hold
   */
  record Share(List<String> tables, long writes, long bytes) {
    static final Share NOTHING = new Share(List.of(), 0, 0);

    private Share and(Share more) {
      List<String> all = new ArrayList<>(tables);
      all.addAll(more.tables);
      return new Share(List.copyOf(all), writes + more.writes, bytes + more.bytes);
    }
  }

  /** Reads what there is on the source, and what ties it together. */
  static SharedTables of(Connection source) throws SQLException {
    SharedTables read = new SharedTables();
    try (Statement statement = source.createStatement()) {
      try (ResultSet rows = statement.executeQuery(TABLES)) {
        while (rows.next()) {
          Group alone = new Group();
          alone.tables.add(rows.getString(2));
          alone.members.add(rows.getLong(1));
          read.loads.merge(rows.getLong(3), new Load(rows.getLong(4), rows.getLong(5)), Load::and);
          read.oids.put(rows.getString(2), rows.getLong(1));
          read.groups.put(rows.getLong(1), alone);
        }
      }
      try (ResultSet rows = statement.executeQuery(TIES)) {
        while (rows.next()) {
          read.tie(rows.getLong(1), rows.getLong(2));
        }
      }
    }
    return read;
  }

  private void tie(long one, long other) {
    Group into = groups.get(one);
    Group from = groups.get(other);
    if (into == null || from == null || into == from) {
      return;
    }
    if (into.members.size() < from.members.size()) {
      Group larger = from;
      from = into;
      into = larger;
    }
    into.tables.addAll(from.tables);
    into.members.addAll(from.members);
    for (long member : from.members) {
      groups.put(member, into);
    }
  }

  /** What a table is tied to, itself included; quoted as the source does. */
  Set<String> tiedTo(String table) {
    Group group = group(table);
    return group == null ? Set.of(table) : group.tables;
  }

  /**
   * Shares these tables among so many streams; some may get none. What is tied to them and not
   * among them, as its rows do not move, weighs nothing.
   *
   * @param tables those that are to be listed, quoted as the source does
   */
  List<Share> among(int streams, List<String> tables) {
    Map<Group, Share> wanted = new LinkedHashMap<>();
    for (String table : tables) {
      Long oid = oids.get(table);
      Group group = group(table);
      if (oid != null && group != null) {
        Load load = loads.getOrDefault(oid, new Load(0, 0));
        wanted.merge(group, new Share(List.of(table), load.writes, load.bytes), Share::and);
      }
    }
    List<Share> shares = new ArrayList<>();
    for (int i = 0; i < streams; i++) {
      shares.add(Share.NOTHING);
    }
    wanted.entrySet().stream()
        .sorted(
            Comparator.<Map.Entry<Group, Share>>comparingLong(each -> -each.getValue().writes())
                .thenComparingLong(each -> -each.getValue().bytes())
                .thenComparing(each -> each.getKey().first()))
        .forEach(
            each -> {
              int least = least(shares);
              shares.set(least, shares.get(least).and(each.getValue()));
            });
    return List.copyOf(shares);
  }

  private static int least(List<Share> shares) {
    int least = 0;
    Comparator<Share> load =
        Comparator.comparingLong(Share::writes)
            .thenComparingLong(Share::bytes)
            .thenComparingInt(share -> share.tables().size());
    for (int i = 1; i < shares.size(); i++) {
      if (load.compare(shares.get(i), shares.get(least)) < 0) {
        least = i;
      }
    }
    return least;
  }

  private @Nullable Group group(String table) {
    Long oid = oids.get(table);
    return oid == null ? null : groups.get(oid);
  }
}
