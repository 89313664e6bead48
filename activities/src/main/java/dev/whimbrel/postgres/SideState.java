package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What was found on one side.
 *
 * @param side which
 * @param where {@code host:port/database}
 * @param url as the runbook has it, for {@code psql}
 * @param unreadable why it could not be read, in one line without secrets; null when it was
 * @param seen what was read; null when it could not be
 */
record SideState(
    Side side, String where, String url, @Nullable String unreadable, @Nullable Seen seen) {

  /** Its authority; null where it could not be read or nobody claimed it. */
  Authority.@Nullable Row row() {
    return seen == null ? null : seen.row();
  }

  /**
   * What was read.
   *
   * @param row its authority; null where nobody claimed it
   * @param server version and cluster, to tell two servers apart
   * @param inRecovery whether it is a standby, which nobody can write
   * @param readOnlyDefault whether new transactions are read-only by default
   * @param tables how many tables a fence has to cover
   * @param takingWrites the tables whose fence is not on, quoted
   * @param refusing the tables whose fence is on, wholly or in part, quoted
   * @param withoutFence the tables that have no fence at all, quoted
   * @param subscriptions this migration's
   * @param slots this migration's
   * @param markerArrived whether the marker that decides over opening this side is here; null when
   *     there is none to wait for
   * @param lastMarker when the newest marker that arrived here was written on the other side: all
   *     that was committed there before has arrived; null where none has
   * @param clients sessions that are not Whimbrel's
   * @param engine what Whimbrel's own sessions call themselves
   * @param underWay whether a switchover holds its lock here now
   * @param position where its write-ahead log stands
   * @param part the stage of a copy that is not live yet: before the last one is, a target holds a
   *     part of the tables; null where it holds all of them
   * @param closing the closing for an offline copy that refuses writers just now, in words; null
   *     where none does
   * @param leftOn tables whose writers call the triggers of a closing that refuses nobody
   */
  record Seen(
      Authority.@Nullable Row row,
      String server,
      boolean inRecovery,
      boolean readOnlyDefault,
      int tables,
      List<String> takingWrites,
      List<String> refusing,
      List<String> withoutFence,
      List<Subscription> subscriptions,
      List<Slot> slots,
      @Nullable Boolean markerArrived,
      @Nullable Instant lastMarker,
      int clients,
      List<String> engine,
      boolean underWay,
      @Nullable String position,
      @Nullable String part,
      @Nullable String closing,
      int leftOn) {

    /** Whether every table takes writes as far as the fence goes. */
    boolean open() {
      return refusing.isEmpty() && !inRecovery;
    }

    /** Whether no table takes writes. */
    boolean closed() {
      return takingWrites.isEmpty() || inRecovery;
    }

    @Nullable Subscription subscription(String name) {
      return subscriptions.stream().filter(s -> s.name().equals(name)).findFirst().orElse(null);
    }

    @Nullable Slot slot(String name) {
      return slots.stream().filter(s -> s.name().equals(name)).findFirst().orElse(null);
    }
  }

  /**
   * A subscription.
   *
   * @param enabled whether it should run
   * @param running whether its worker is up
   * @param notReady tables that are not synchronised
   * @param received position on the other side up to which it has reported
   */
  record Subscription(
      String name, boolean enabled, boolean running, int notReady, @Nullable String received) {

    /** Whether it carries every table now. */
    boolean whole() {
      return enabled && running && notReady == 0;
    }
  }

  /**
   * A replication slot.
   *
   * @param active whether somebody reads from it
   * @param walStatus {@code reserved}, {@code extended}, {@code unreserved} or {@code lost}
   * @param confirmed position that its reader has confirmed
   * @param behind bytes that its reader has not confirmed
   */
  record Slot(
      String name,
      boolean active,
      @Nullable String walStatus,
      @Nullable String confirmed,
      long behind) {

    boolean lost() {
      return "lost".equals(walStatus);
    }
  }
}
