package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

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
      String publication =
          stream.lanes().size() == 1
              ? stream.publications().get(0)
              : new Sharing(losing, move).streamOf(left.get(0)).forwardPublication();
      return new LeftOut(left, "publication %s on the %s".formatted(publication, from.word()));
    }
    Set<String> taken = new HashSet<>();
    for (Stream.Lane lane : stream.lanes()) {
      Set<String> known = known(gaining, lane);
      if (stream.lanes().size() > 1) {
        // What another one publishes is brought by nobody.
        known.retainAll(plain(PublishedTables.published(losing, List.of(lane.publication()))));
      }
      taken.addAll(known);
    }
    return new LeftOut(
        PublishedTables.published(losing, stream.publications()).stream()
            .filter(table -> !taken.contains(Quoting.plain(table)))
            .toList(),
        "subscription %s on the %s".formatted(stream.words(), from.other().word()));
  }

  /** What a lane's subscription knows. */
  static Set<String> known(Connection gaining, Stream.Lane lane) throws SQLException {
    return plain(
        PublishedTables.names(
            gaining,
            """
            SELECT format('%%I.%%I', n.nspname, c.relname)
              FROM pg_subscription_rel r JOIN pg_subscription s ON s.oid = r.srsubid
              JOIN pg_class c ON c.oid = r.srrelid JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE s.subname = %s
               AND s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())"""
                .formatted(Quoting.literal(lane.subscription()))));
  }

  static Set<String> plain(List<String> quoted) {
    return quoted.stream().map(Quoting::plain).collect(Collectors.toSet());
  }
}
