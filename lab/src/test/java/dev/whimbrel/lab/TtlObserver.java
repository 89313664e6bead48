package dev.whimbrel.lab;

import dev.whimbrel.servers.UnboundServer;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.xbill.DNS.Record;

/**
 * Asks the authority and several caching resolvers for the service's name, some ten times a second,
 * and says afterwards what each resolver kept at a moment. The resolvers are asked for the first
 * time one after the other, so that at any moment one of them has taken its copy a short while ago.
 */
final class TtlObserver implements AutoCloseable {
  private final List<Answer> authority = new CopyOnWriteArrayList<>();
  private final List<List<Answer>> resolvers = new ArrayList<>();
  private final Thread thread;
  private volatile boolean stopped;

  /**
   * What was answered at one moment.
   *
   * @param at {@link System#nanoTime}
   * @param address where the name points to
   * @param ttl the authority's TTL in seconds, or what is left of a resolver's copy
   * @param whole the TTL with which the resolver took this copy; the authority's TTL
   */
  private record Answer(long at, String address, long ttl, long whole) {}

  /**
   * A copy that a resolver kept at some moment.
   *
   * @param whole the TTL in seconds with which it was taken
   * @param left how long it was still kept, as the resolver's last answer had it; below zero where
   *     it was out by then
   */
  record Copy(long whole, Duration left) {}

  /**
   * Begins to ask.
   *
   * @param unbounds the resolvers; none of them has been asked for the name before
   * @param apart how long after one resolver the next is asked for the first time
   */
  TtlObserver(LabZone zone, List<UnboundServer> unbounds, Duration apart) {
    unbounds.forEach(each -> resolvers.add(new CopyOnWriteArrayList<>()));
    thread = new Thread(() -> observe(zone, unbounds, apart), "observer");
    thread.setDaemon(true);
    thread.start();
  }

  private void observe(LabZone zone, List<UnboundServer> unbounds, Duration apart) {
    long began = System.nanoTime();
    while (!stopped) {
      try {
        add(authority, zone.records(LabWorld.NAME, "A"), true);
        for (int i = 0; i < unbounds.size(); i++) {
          if (System.nanoTime() - began >= apart.toNanos() * i) {
            add(resolvers.get(i), unbounds.get(i).records(LabWorld.NAME, "A"), false);
          }
        }
        TimeUnit.MILLISECONDS.sleep(100);
      } catch (UncheckedIOException e) {
        // A lost packet; the next look comes soon.
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  /** A resolver's copy only gets shorter: what is longer than before was taken anew. */
  private static void add(List<Answer> answers, List<Record> records, boolean authoritative) {
    for (Record record : records.subList(0, Math.min(1, records.size()))) {
      long whole = record.getTTL();
      if (!authoritative && !answers.isEmpty()) {
        Answer before = answers.get(answers.size() - 1);
        whole = record.getTTL() <= before.ttl() ? before.whole() : whole;
      }
      answers.add(new Answer(System.nanoTime(), record.rdataToString(), record.getTTL(), whole));
    }
  }

  /** Whether every resolver sends its clients to the target. */
  boolean sawTheTarget() {
    return resolvers.stream()
        .allMatch(
            answers ->
                !answers.isEmpty()
                    && answers.get(answers.size() - 1).address().equals(LabWorld.TARGET_ADDRESS));
  }

  /** When the authority was first seen with this TTL. */
  long firstWith(int ttl) {
    return authority.stream().filter(a -> a.ttl() == ttl).findFirst().orElseThrow().at();
  }

  /** When the authority was first seen to send clients to the target. */
  long firstAtTheTarget() {
    return authority.stream()
        .filter(a -> a.address().equals(LabWorld.TARGET_ADDRESS))
        .findFirst()
        .orElseThrow()
        .at();
  }

  /** What the resolvers had taken by that moment: one copy each, the last one. */
  List<Copy> keptAt(long moment) {
    List<Copy> kept = new ArrayList<>();
    for (List<Answer> answers : resolvers) {
      answers.stream()
          .filter(answer -> answer.at() <= moment)
          .reduce((first, second) -> second)
          .map(
              last ->
                  new Copy(
                      last.whole(), Duration.ofSeconds(last.ttl()).minusNanos(moment - last.at())))
          .ifPresent(kept::add);
    }
    return kept;
  }

  /** The longest rest of a copy from then on, until the TTL was raised again at the end. */
  long longestKeptFrom(long from, int raised) {
    long moved = firstAtTheTarget();
    long until =
        authority.stream()
            .filter(a -> a.at() > moved && a.ttl() == raised)
            .mapToLong(Answer::at)
            .findFirst()
            .orElse(Long.MAX_VALUE);
    return resolvers.stream()
        .flatMap(List::stream)
        .filter(a -> a.at() >= from && a.at() < until)
        .mapToLong(Answer::ttl)
        .max()
        .orElseThrow();
  }

  @Override
  public void close() {
    stopped = true;
    thread.interrupt();
  }
}
