package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Which indexes need not move. Of a set of indexes that say the same one stays: one that must, else
 * the most used. The server counts a use for one of them only, mostly the youngest; so none of such
 * a set is called unused, or whoever follows both advices would have none, and what was counted
 * does not go with one that is dropped, or the next plan would call the last one unused.
 */
final class IndexAdvice {
  /**
   * No constraint, identity or parent stands on it, so that dropping it changes no result; and no
   * extension has made it or its table.
   */
  private static final String DROPPABLE =
      "NOT i.indisunique AND NOT i.indisprimary AND NOT i.indisexclusion"
          + " AND NOT i.indisreplident AND NOT i.indisclustered"
          + " AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)"
          + " AND NOT EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = i.indexrelid)"
          + " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass"
          + " AND d.objid IN (i.indexrelid, i.indrelid) AND d.deptype = 'e')";

  /**
   * Whose absence nobody would notice but by what it was never asked for. One on an expression also
   * serves the planner's estimates; one that begins with a column of a foreign key serves whoever
   * deletes what that refers to, however seldom; and where the whole row is the replica identity,
   * or becomes it for want of another one before the move, the other side's stream may find rows by
   * it alone.
   */
  private static final String UNUSED =
      "s.idx_scan = 0 AND i.indexprs IS NULL"
          + " AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = i.indrelid AND c.relkind = 'r'"
          + " AND (c.relreplident = 'f' OR NOT "
          + PublishedTables.HAS_IDENTITY
          + "))"
          + " AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.contype = 'f'"
          + " AND k.conrelid = i.indrelid AND i.indkey[0] = ANY (k.conkey))";

  /**
   * All that decides what an index can be asked for, and what it costs: but not its name, its age,
   * how full its pages are, and whether it is unique.
   */
  private static final String MEANING =
      "ROW(i.indrelid, c.relam, i.indkey, i.indclass, i.indcollation, i.indoption, i.indnkeyatts,"
          + " pg_get_expr(i.indexprs, i.indrelid), pg_get_expr(i.indpred, i.indrelid),"
          + " (SELECT array_agg(o ORDER BY o) FROM unnest(c.reloptions) o"
          + " WHERE o !~ '^(fillfactor|deduplicate_items|fastupdate|buffering)='),"
          + " (SELECT array_agg(a.attnum || ' ' || o ORDER BY a.attnum, o) FROM pg_attribute a,"
          + " unnest(a.attoptions) o WHERE a.attrelid = i.indexrelid AND o !~ '^pg_attver='))::text";

  /** The oldest first. */
  private static final String INDEXES =
      "SELECT "
          + MoveAdvice.NAME
          + ", pg_relation_size(c.oid), "
          + MEANING
          + ", "
          + DROPPABLE
          + ", coalesce("
          + UNUSED
          + ", false), i.indisprimary, coalesce(s.idx_scan, 0) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
          + " JOIN pg_namespace n ON n.oid = c.relnamespace"
          + " LEFT JOIN pg_stat_user_indexes s ON s.indexrelid = i.indexrelid"
          + " WHERE c.relkind = 'i' AND i.indisvalid AND i.indisready AND i.indislive"
          + " AND {i.indrelid} AND"
          + MoveAdvice.OURS
          + " ORDER BY c.oid";

  /**
   * One index.
   *
   * @param meaning the same for two indexes that can be asked for the same
   * @param droppable whether nothing but queries stands on it
   * @param unused whether it was never used, and nothing needs it that is not counted
   * @param uses how often it was used, as far as that is counted
   */
  record Index(
      String name,
      long bytes,
      String meaning,
      boolean droppable,
      boolean unused,
      boolean primary,
      long uses) {}

  /**
   * One that can go.
   *
   * @param kept the one that says the same and stays, or an empty text
   */
  record Spare(Index index, String kept) {}

  private final Map<String, List<Index>> sets = new LinkedHashMap<>();

  private IndexAdvice() {}

  /** Asks the source. */
  static IndexAdvice read(Look look, Selection selection) throws SQLException {
    return of(
        look.rows(Side.SOURCE, MoveAdvice.moving(INDEXES, selection)).stream()
            .map(
                row ->
                    new Index(
                        row.text(1),
                        row.number(2),
                        row.text(3),
                        row.holds(4),
                        row.holds(5),
                        row.holds(6),
                        row.number(7)))
            .toList());
  }

  /** Judges these, the oldest first. */
  static IndexAdvice of(Collection<Index> indexes) {
    IndexAdvice advice = new IndexAdvice();
    for (Index index : indexes) {
      advice.sets.computeIfAbsent(index.meaning(), none -> new ArrayList<>()).add(index);
    }
    return advice;
  }

  /** All but one of each set: never one on which more than queries stands. */
  List<Spare> duplicates() {
    List<Spare> spare = new ArrayList<>();
    for (List<Index> alike : sets.values()) {
      Index kept =
          alike.stream()
              .min(
                  Comparator.comparing(Index::droppable)
                      .thenComparing(index -> !index.primary())
                      .thenComparing(index -> -index.uses())
                      .thenComparing(alike::indexOf))
              .orElseThrow();
      alike.stream()
          .filter(index -> !index.equals(kept) && index.droppable())
          .forEach(index -> spare.add(new Spare(index, kept.name())));
    }
    return largestFirst(spare);
  }

  /** Those that nobody has used, and that no other one says the same as. */
  List<Spare> unused() {
    return largestFirst(
        sets.values().stream()
            .filter(alike -> alike.size() == 1)
            .map(alike -> alike.get(0))
            .filter(index -> index.droppable() && index.unused())
            .map(index -> new Spare(index, ""))
            .toList());
  }

  private static List<Spare> largestFirst(List<Spare> spare) {
    return spare.stream()
        .sorted(
            Comparator.comparingLong((Spare one) -> one.index().bytes())
                .reversed()
                .thenComparing(one -> one.index().name()))
        .toList();
  }
}
