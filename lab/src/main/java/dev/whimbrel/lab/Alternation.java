package dev.whimbrel.lab;

import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;

/**
 * How often the writable side must have changed, given writes that were accepted. Of each it is
 * only known that it was accepted somewhere between its sending and its answer, so that two that
 * overlap prove nothing, and the smallest number that explains all of them is what is proved.
 */
final class Alternation {
  private Alternation() {}

  /**
   * A write that was accepted.
   *
   * @param onSource on the source, else on the target
   * @param sent when it was sent, {@link System#nanoTime}
   * @param answered when its answer had arrived
   */
  record Accepted(boolean onSource, long sent, long answered) {}

  /** The smallest number of changes from one side to the other that explains all writes. */
  static int fewestChanges(List<Accepted> writes) {
    if (writes.isEmpty()) {
      return 0;
    }
    return Math.min(changes(writes, true), changes(writes, false));
  }

  /**
   * Lets one side be writable for as long as the other side's oldest unexplained write allows, then
   * the other, and so on: waiting any longer can explain no more.
   */
  private static int changes(List<Accepted> writes, boolean sourceFirst) {
    PriorityQueue<Accepted> source = queue(writes, true);
    PriorityQueue<Accepted> target = queue(writes, false);
    boolean onSource = sourceFirst;
    int changes = 0;
    while (true) {
      PriorityQueue<Accepted> open = onSource ? source : target;
      PriorityQueue<Accepted> closed = onSource ? target : source;
      long until = closed.isEmpty() ? Long.MAX_VALUE : closed.peek().answered();
      // All of this side's writes that may have been accepted before that moment are explained.
      open.removeIf(write -> write.sent() <= until);
      if (open.isEmpty() && closed.isEmpty()) {
        return changes;
      }
      onSource = !onSource;
      changes++;
    }
  }

  private static PriorityQueue<Accepted> queue(List<Accepted> writes, boolean onSource) {
    PriorityQueue<Accepted> queue =
        new PriorityQueue<>(Comparator.comparingLong(Accepted::answered));
    writes.stream().filter(write -> write.onSource() == onSource).forEach(queue::add);
    return queue;
  }
}
