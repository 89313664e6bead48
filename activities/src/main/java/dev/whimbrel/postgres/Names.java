package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Slots;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The names of a migration's objects on the servers. All derive from the migration's name, so that
 * any attempt finds what an earlier one made; none holds an attempt's number.
 */
final class Names {
  /** The schema, on both databases, that holds Whimbrel's own tables and the fence function. */
  static final String SCHEMA = "whimbrel";

  /** The row that says which side may be written. */
  static final String AUTHORITY = "whimbrel.authority";

  /** The fence trigger for INSERT, UPDATE and DELETE; {@code ENABLE ALWAYS} when on. */
  static final String FENCE_TRIGGER = "whimbrel_fence";

  /** The fence trigger for TRUNCATE; plain {@code ENABLE} when on. */
  static final String FENCE_TRUNCATE_TRIGGER = "whimbrel_fence_truncate";

  private static final String FORWARD = "forward";
  private static final String STAGE = "stage";

  private final String migration;
  private final String base;
  private final String forward;

  Names(String migration) {
    this(migration, FORWARD);
  }

  private Names(String migration, String forward) {
    this.migration = migration;
    this.base = "whimbrel_" + migration.replace('-', '_');
    this.forward = forward;
  }

  /**
   * The names where the forward stream is the one of a stage that was copied and has not joined the
   * others yet.
   */
  static Names ofStage(String migration) {
    return new Names(migration, STAGE);
  }

  /**
   * The names of each forward stream: one, or several that share the tables. None of several has
   * the name of the one, so that who knows of one alone finds nothing to hand over.
   */
  static List<Names> streams(Move move) {
    return move.shared()
        ? IntStream.rangeClosed(1, move.streams())
            .mapToObj(number -> new Names(move.migration(), FORWARD + "_" + number))
            .toList()
        : List.of(new Names(move.migration()));
  }

  /** The names of the forward stream with this publication, and subscription. */
  static Names ofForward(String migration, String publication) {
    return new Names(migration, publication.substring(publication.lastIndexOf("_" + FORWARD) + 1));
  }

  /** Publication on the source. */
  String forwardPublication() {
    return base + "_" + forward;
  }

  /** Subscription on the target, and its slot on the source. */
  String forwardSubscription() {
    return base + "_" + forward;
  }

  /** The forward stream, for people; by its name where it is one of several. */
  String words() {
    return forward.startsWith(FORWARD + "_")
        ? "forward stream " + forwardSubscription()
        : "forward stream";
  }

  /** Slot on the source that is brought to where two streams meet. */
  String meetingSlot() {
    return base + "_meeting";
  }

  /** Slot on the source that begins there, from which one stream goes on. */
  String metSlot() {
    return base + "_met";
  }

  /** Slot on the source that begins where a snapshot of the copy ends. */
  String copySlot(int generation) {
    return base + "_copy_" + generation;
  }

  /** Matches every {@link #copySlot}, and nothing else. */
  String copySlots() {
    return "^" + base + "_copy_[0-9]+$";
  }

  /** Matches every slot of the migration, on either side, and nothing else. */
  String ownSlots() {
    return Slots.pattern(migration);
  }

  /** Matches every subscription of the migration, on either side, and nothing else. */
  String ownSubscriptions() {
    return "^" + base + "_(forward(_[0-9]+)?|stage|reverse)$";
  }

  /** Matches the publication, and the subscription, of every forward stream, and nothing else. */
  String forwardStreams() {
    return "^" + base + "_forward(_[0-9]+)?$";
  }

  /** Publication on the target, for the way back. */
  String reversePublication() {
    return base + "_reverse";
  }

  /** Subscription on the source, for the way back; disabled until the hand-over. */
  String reverseSubscription() {
    return base + "_reverse";
  }

  /** Slot on the target that is kept close to the present until the switchover copies it. */
  String baseSlot() {
    return base + "_base";
  }

  /** Slot on the target that the reverse stream uses. */
  String liveSlot() {
    return base + "_live";
  }

  /**
   * Role of the migration's own under which the streams run, where the rights allow one. A stage's
   * stream has another, and so has each of several, since a role has one password; no migration's
   * name holds its dollar.
   */
  String role() {
    return forward.equals(FORWARD) ? base : base + "$" + forward;
  }

  /** Marker table of the forward stream; exists on both databases, published by the source. */
  String forwardMarker() {
    return SCHEMA + ".marker_" + forward;
  }

  /** Marker table of the reverse stream; exists on both databases, published by the target. */
  String reverseMarker() {
    return SCHEMA + ".marker_reverse";
  }

  /** Start of every {@code application_name}. */
  static String applicationName(String migration, String step) {
    return "whimbrel " + migration + " " + step;
  }
}
