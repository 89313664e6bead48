package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Tables that a stream does not carry though their rows move: their writes would be lost without a
 * sound.
 *
 * @param tables quoted; empty where everything is carried
 * @param where what they are not in, in words
 */
record LeftOut(List<String> tables, String where) {

  /** Asks the publication, and then what the subscription has made of it. */
  static LeftOut of(Connection losing, Connection gaining, Stream stream, Move move)
      throws SQLException {
    Side from = stream.from();
    List<String> left =
        Settled.ask(
            from,
            move,
            losing,
            moving -> PublishedTables.unpublished(losing, stream.publications(), moving));
    if (!left.isEmpty()) {
      return new LeftOut(
          left,
          "publication %s on the %s"
              .formatted(String.join(", ", stream.publications()), from.word()));
    }
    Set<String> taken = new HashSet<>();
    for (Stream.Lane lane : stream.lanes()) {
      taken.addAll(taken(losing, gaining, lane));
    }
    return new LeftOut(
        PublishedTables.published(losing, stream.publications()).stream()
            .filter(table -> !taken.contains(Quoting.plain(table)))
            .toList(),
        "subscription %s on the %s".formatted(stream.words(), from.other().word()));
  }

  /** What a lane's publication carries and its subscription knows; one of them alone is nothing. */
  private static Set<String> taken(Connection losing, Connection gaining, Stream.Lane lane)
      throws SQLException {
    Set<String> known = new HashSet<>();
    for (String table :
        PublishedTables.names(
            gaining,
            """
            SELECT format('%%I.%%I', n.nspname, c.relname)
              FROM pg_subscription_rel r JOIN pg_subscription s ON s.oid = r.srsubid
              JOIN pg_class c ON c.oid = r.srrelid JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE s.subname = %s
               AND s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())"""
                .formatted(Quoting.literal(lane.subscription())))) {
      known.add(Quoting.plain(table));
    }
    Set<String> carried = new HashSet<>();
    for (String table : PublishedTables.published(losing, List.of(lane.publication()))) {
      carried.add(Quoting.plain(table));
    }
    known.retainAll(carried);
    return known;
  }
}
