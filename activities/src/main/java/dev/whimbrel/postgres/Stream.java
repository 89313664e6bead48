package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import java.util.List;
import java.util.UUID;
import java.util.stream.Collectors;

/**
 * One direction of replication. Several lanes may share its tables, each at its own pace: what is
 * true of the direction is true of all of them.
 *
 * @param from the side that publishes
 * @param lanes one, or several that share the tables
 */
record Stream(Side from, List<Lane> lanes) {

  /**
   * A subscription and what belongs to it.
   *
   * @param publication on the side that publishes
   * @param subscription on the other side
   * @param slot on the side that publishes
   * @param markers the table, on both sides, of the markers that it carries
   */
  record Lane(String publication, String subscription, String slot, String markers) {
    /** A condition, for the side that it leads to: it has brought this marker. */
    String arrived(UUID marker) {
      return "EXISTS (SELECT FROM %s WHERE id = '%s')".formatted(markers, marker);
    }

    private static Lane forward(Names names) {
      return new Lane(
          names.forwardPublication(),
          names.forwardSubscription(),
          names.forwardSubscription(),
          names.forwardMarker());
    }
  }

  /** The stream of a migration that leaves a side. */
  static Stream leaving(Side from, Move move) {
    return from == Side.SOURCE
        ? new Stream(from, Names.streams(move).stream().map(Lane::forward).toList())
        : leaving(from, new Names(move.migration()));
  }

  /** The same where nobody shares its tables, or of one that does by its own names. */
  static Stream leaving(Side from, Names names) {
    return new Stream(
        from,
        List.of(
            from == Side.SOURCE
                ? Lane.forward(names)
                : new Lane(
                    names.reversePublication(),
                    names.reverseSubscription(),
                    names.liveSlot(),
                    names.reverseMarker())));
  }

  List<String> publications() {
    return lanes.stream().map(Lane::publication).toList();
  }

  /** Its publications, as the replication protocol's {@code publication_names} wants them. */
  String publicationNames() {
    return publicationNames(publications());
  }

  /** The same of any publications. */
  static String publicationNames(List<String> publications) {
    return publications.stream().map(Quoting::identifier).collect(Collectors.joining(","));
  }

  List<String> subscriptions() {
    return lanes.stream().map(Lane::subscription).toList();
  }

  List<String> slots() {
    return lanes.stream().map(Lane::slot).toList();
  }

  /** Its subscriptions, for people. */
  String words() {
    return String.join(", ", subscriptions());
  }

  /**
   * A condition, for the side that it leads to: every lane has brought this marker, whatever else
   * may show it.
   */
  String arrived(UUID marker) {
    String all =
        lanes.stream().map(lane -> lane.arrived(marker)).collect(Collectors.joining(" AND "));
    return lanes.size() == 1 ? all : "(" + all + ")";
  }
}
