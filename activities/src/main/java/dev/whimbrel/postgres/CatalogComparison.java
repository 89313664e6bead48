package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.postgres.CatalogSubjects.Reading;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Compares what the catalogs of both sides say: relations and what they are part of, columns with
 * their defaults and collations, indexes and constraints with their validity, triggers, types,
 * collations, extensions and settings.
 */
final class CatalogComparison {
  /** Definitions may be long; a finding shows their beginning. */
  private static final int SHOWN = 160;

  /** All that no query here asks for. */
  private static final String REST =
      "definitions of views, rules, functions, policies, event triggers, operators, casts, text search and extended statistics, publications, schemas, owners, grants and default privileges, replica identities, CLUSTER ON, OWNED BY of sequences, options of foreign servers and tables, storage and comments";

  private final Pair pair;
  private final Tally tally;
  private final Side truth;
  private final Move move;

  /** Types of the service's own whose comparisons a restored dump reads with other casts. */
  private final Set<String> recast = new HashSet<>();

  private final Set<String> staying = new HashSet<>();

  /** Parameters that the truth's whole server has set, and its database has not. */
  private final Set<String> general = new HashSet<>();

  CatalogComparison(Pair pair, Tally tally, Side truth, Move move) {
    this.pair = pair;
    this.tally = tally;
    this.truth = truth;
    this.move = move;
  }

  void run() throws SQLException {
    Map<String, Thing> ours = relations(pair.truth(), truth);
    Map<String, Thing> theirs = relations(pair.follower(), truth.other());
    compare("relation", ours, theirs, Reading.LETTERS);
    recast.addAll(PublishedTables.names(pair.truth(), CatalogSubjects.CAST_WITHOUT_A_WORD));
    recast.addAll(PublishedTables.names(pair.follower(), CatalogSubjects.CAST_WITHOUT_A_WORD));
    staying.addAll(StayingSchemas.names(pair, truth, move));
    general.addAll(Settings.general(pair.truth()));
    for (CatalogSubjects.Subject subject : CatalogSubjects.ALL) {
      Map<String, Thing> here = read(pair.truth(), subject.sql());
      Map<String, Thing> there = read(pair.follower(), subject.sql());
      if (standsAlone(here) || standsAlone(there)) {
        // One that was made behind the first look is seen by the next.
        staying.addAll(StayingSchemas.names(pair, truth, move));
      }
      compare(subject.kind(), belonging(here, theirs), belonging(there, ours), subject.read());
    }
    compareIndexes(
        belonging(read(pair.truth(), CatalogSubjects.INDEXES), theirs),
        belonging(read(pair.follower(), CatalogSubjects.INDEXES), ours));
    compareCollations();
    compareVersions();
    compareOrder();
    tally.notCompared(REST);
  }

  /** Whether any belongs to no relation, but to its schema alone. */
  private static boolean standsAlone(Map<String, Thing> things) {
    return things.values().stream().anyMatch(thing -> thing.relation().isEmpty());
  }

  private Map<String, Thing> relations(Connection connection, Side side) throws SQLException {
    return Settled.ask(
        side,
        move,
        connection,
        moving -> read(connection, CatalogSubjects.RELATIONS + moving.moves()));
  }

  /** An object as one catalog describes it. */
  private record Thing(String relation, String meaning) {}

  private void compare(
      String kind, Map<String, Thing> truth, Map<String, Thing> follower, Reading read)
      throws SQLException {
    for (Map.Entry<String, Thing> entry : truth.entrySet()) {
      Thing other = follower.get(entry.getKey());
      String meaning = entry.getValue().meaning();
      String left = read == Reading.SETTING ? leftToPeople(entry.getKey(), meaning, other) : "";
      if (!left.isEmpty()) {
        if (other == null || !read.same(meaning, other.meaning())) {
          tally.notCompared("%s %s: %s: %s".formatted(kind, entry.getKey(), left, shown(meaning)));
        }
      } else if (other == null && read == Reading.SETTING && isUnknown(meaning)) {
        tally.notCompared(
            "%s %s: the version of the %s has no such parameter: %s"
                .formatted(kind, entry.getKey(), tally.follower(), shown(meaning)));
      } else if (other == null) {
        tally.difference(
            "%s %s: missing on the %s: %s"
                .formatted(kind, entry.getKey(), tally.follower(), shown(meaning)));
      } else if (!read.same(meaning, other.meaning())) {
        boolean casts =
            read == Reading.DEFINITION
                && !recast.isEmpty()
                && Definition.sameButForCasts(meaning, other.meaning(), recast);
        String found =
            "%s %s: %s%s on the %s, %s on the %s"
                .formatted(
                    kind,
                    entry.getKey(),
                    casts ? "a restored dump reads it with other casts: " : "",
                    shown(meaning, other.meaning()),
                    tally.truth(),
                    shown(other.meaning(), meaning),
                    tally.follower());
        if (casts) {
          tally.notCompared(found);
        } else {
          tally.difference(found);
        }
      }
    }
    for (Map.Entry<String, Thing> entry : follower.entrySet()) {
      if (!truth.containsKey(entry.getKey())) {
        String found =
            "%s %s: only on the %s: %s"
                .formatted(
                    kind, entry.getKey(), tally.follower(), shown(entry.getValue().meaning()));
        if (kind.equals("setting") || kind.equals("extension")) {
          // A new home brings some of its own.
          tally.notCompared(found);
        } else {
          tally.difference(found);
        }
      }
    }
  }

  private void compareIndexes(Map<String, Thing> truth, Map<String, Thing> follower)
      throws SQLException {
    Map<String, Thing> here = new TreeMap<>(truth);
    Map<String, Thing> there = new TreeMap<>(follower);
    truth.forEach(
        (name, index) -> {
          if (index.meaning().equals("invalid")) {
            here.remove(name);
            there.remove(name);
            tally.notCompared(
                "index %s: invalid on the %s. Fix: REINDEX INDEX CONCURRENTLY %s;"
                    .formatted(name, tally.truth(), name));
          }
        });
    follower.forEach(
        (name, index) -> {
          if (index.meaning().equals("invalid") && there.remove(name) != null) {
            here.remove(name);
            tally.difference(
                "index %s: invalid on the %s. Fix: REINDEX INDEX CONCURRENTLY %s;"
                    .formatted(name, tally.follower(), name));
          }
        });
    compare("index", here, there, Reading.DEFINITION);
  }

  private void compareCollations() throws SQLException {
    Map<String, TextOrder> ofTruth = TextOrder.ofCollations(pair.truth());
    Map<String, TextOrder> ofFollower = TextOrder.ofCollations(pair.follower());
    Map<String, Thing> here = new TreeMap<>();
    Map<String, Thing> there = new TreeMap<>();
    ofTruth.forEach((name, order) -> here.put(name, new Thing("", order.words())));
    ofFollower.forEach((name, order) -> there.put(name, new Thing("", order.words())));
    staying.addAll(StayingSchemas.names(pair, truth, move));
    for (Map.Entry<String, TextOrder> entry : ofTruth.entrySet()) {
      TextOrder order = entry.getValue();
      TextOrder other = ofFollower.get(entry.getKey());
      if (other == null) {
        continue;
      }
      boolean same = order.sameAs(other);
      if (!same && order.maySpellDifferently(other)) {
        tally.notCompared(
            "collation %s: its locale is spelt %s on the %s, %s on the %s"
                .formatted(
                    entry.getKey(),
                    order.locale(),
                    tally.truth(),
                    other.locale(),
                    tally.follower()));
      }
      if (same || order.maySpellDifferently(other)) {
        here.remove(entry.getKey());
        there.remove(entry.getKey());
      }
    }
    compare("collation", belonging(here, Map.of()), belonging(there, Map.of()), Reading.LETTERS);
  }

  private void compareVersions() throws SQLException {
    String extensions = "select extname::text, '', extversion from pg_extension";
    Map<String, Thing> follower = read(pair.follower(), extensions);
    for (Map.Entry<String, Thing> entry : read(pair.truth(), extensions).entrySet()) {
      Thing other = follower.get(entry.getKey());
      if (other != null && !other.equals(entry.getValue())) {
        tally.notCompared(
            "extension %s: what changed from version %s on the %s to %s on the %s"
                .formatted(
                    entry.getKey(),
                    entry.getValue().meaning(),
                    tally.truth(),
                    other.meaning(),
                    tally.follower()));
      }
    }
  }

  /** No difference: it is the new database's own, and was warned of before anything was carried. */
  private void compareOrder() throws SQLException {
    TextOrder ours = TextOrder.ofDatabase(pair.truth());
    TextOrder theirs = TextOrder.ofDatabase(pair.follower());
    if (!ours.sameAs(theirs)) {
      tally.notCompared(
          "order of text: what has no collation of its own is sorted by %s on the %s, by %s on the %s: the same rows, but maybe others where a query sorts, compares texts or changes their case"
              .formatted(ours.words(), tally.truth(), theirs.words(), tally.follower()));
    }
  }

  /** Why a setting need not be alike on both sides, or an empty text. */
  private String leftToPeople(String label, String meaning, @Nullable Thing other) {
    String name = Settings.name(meaning);
    boolean everyRole = label.startsWith(CatalogSubjects.OF_THE_DATABASE);
    if (Settings.isLeft(name, everyRole)) {
      return "is left to people";
    }
    return other != null && everyRole && general.contains(name)
        ? "holds for the whole server of the %s, and the database's own stays on the %s"
            .formatted(tally.truth(), tally.follower())
        : "";
  }

  /** Whether a setting is of a parameter that came or went with a version. */
  private boolean isUnknown(String setting) throws SQLException {
    String parameter = Settings.name(setting);
    return !parameter.contains(".")
        && major(pair.truth()) != major(pair.follower())
        && !PublishedTables.names(pair.follower(), CatalogSubjects.PARAMETERS).contains(parameter);
  }

  private static int major(Connection connection) throws SQLException {
    return connection.getMetaData().getDatabaseMajorVersion();
  }

  /**
   * Without what belongs to a relation that the other side lacks: that is said once. Nor with what
   * belongs to a schema that stays.
   */
  private Map<String, Thing> belonging(Map<String, Thing> things, Map<String, Thing> relations) {
    TreeMap<String, Thing> kept = new TreeMap<>(things);
    kept.values()
        .removeIf(thing -> !thing.relation().isEmpty() && !relations.containsKey(thing.relation()));
    for (String schema : staying) {
      String name = Quoting.plain(Quoting.identifier(schema));
      // All that begins with the name and a dot, behind which a slash is the next letter.
      kept.subMap(name + ".", name + "/").values().removeIf(thing -> thing.relation().isEmpty());
    }
    return kept;
  }

  private static Map<String, Thing> read(Connection connection, String sql) throws SQLException {
    Map<String, Thing> things = new HashMap<>();
    new Query()
        .add(sql)
        .run(
            connection,
            row -> {
              String meaning = row.getString(3);
              things.put(
                  Quoting.plain(Objects.requireNonNull(row.getString(1))),
                  new Thing(
                      Quoting.plain(Objects.requireNonNull(row.getString(2))),
                      meaning == null ? "" : meaning));
            });
    return things;
  }

  private static String shown(String meaning) {
    return meaning.length() <= SHOWN ? meaning : meaning.substring(0, SHOWN) + "…";
  }

  /** As much of it as shows in what it differs from another one. */
  private static String shown(String meaning, String other) {
    int same = 0;
    while (same < Math.min(meaning.length(), other.length())
        && meaning.charAt(same) == other.charAt(same)) {
      same++;
    }
    int from = same < SHOWN / 2 ? 0 : same - SHOWN / 2;
    return meaning.length() <= SHOWN || from == 0
        ? shown(meaning)
        : "…" + shown(meaning.substring(from));
  }
}
