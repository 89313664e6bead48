package dev.whimbrel.dns.route53;

import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import dev.whimbrel.dns.Destination;
import dev.whimbrel.dns.Mark;
import dev.whimbrel.dns.NameState;
import dev.whimbrel.dns.NameState.Split;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import software.amazon.awssdk.services.route53.model.Change;
import software.amazon.awssdk.services.route53.model.ChangeAction;
import software.amazon.awssdk.services.route53.model.RRType;
import software.amazon.awssdk.services.route53.model.ResourceRecord;
import software.amazon.awssdk.services.route53.model.ResourceRecordSet;

/**
 * The batch that leads from one state of a name to another. Route 53 makes all of it or nothing,
 * and deletes only what is named exactly: so it is a compare-and-set.
 */
final class Batch {
  private final Weights weights;

  Batch(Weights weights) {
    this.weights = weights;
  }

  /** Deletions first: nothing may stand beside what replaces it. */
  List<Change> between(NameState from, NameState to) {
    List<Change> deletions = new ArrayList<>();
    List<Change> creations = new ArrayList<>();
    for (String type : Destination.TYPES) {
      difference(sets(from, type, from.versions()), sets(to, type, Map.of()), deletions, creations);
    }
    difference(mark(from), mark(to), deletions, creations);
    deletions.addAll(creations);
    return deletions;
  }

  /**
   * The same for a person's hand, who may need it when TTLs are no longer what they were: what is
   * simple is put in place whatever stands there.
   */
  List<Change> byHand(NameState from, NameState to) {
    if (!from.splits().isEmpty() || !to.splits().isEmpty()) {
      return between(from, to);
    }
    return between(from, to).stream()
        .filter(
            change ->
                change.action() != ChangeAction.DELETE
                    || to.set(change.resourceRecordSet().typeAsString()).isEmpty())
        .map(
            change ->
                change.action() == ChangeAction.CREATE
                    ? change(ChangeAction.UPSERT, change.resourceRecordSet())
                    : change)
        .toList();
  }

  private static void difference(
      List<ResourceRecordSet> from,
      List<ResourceRecordSet> to,
      List<Change> deletions,
      List<Change> creations) {
    from.stream()
        .filter(set -> !to.contains(set))
        .forEach(set -> deletions.add(change(ChangeAction.DELETE, set)));
    to.stream()
        .filter(set -> !from.contains(set))
        .forEach(set -> creations.add(change(ChangeAction.CREATE, set)));
  }

  private static Change change(ChangeAction action, ResourceRecordSet set) {
    return Change.builder().action(action).resourceRecordSet(set).build();
  }

  private List<ResourceRecordSet> sets(NameState state, String type, Map<String, String> versions) {
    List<RecordSet> sets = new ArrayList<>();
    state.sets().stream().filter(set -> set.type().equals(type)).forEach(sets::add);
    Optional<Split> split = state.split(type);
    split.ifPresent(each -> sets.addAll(weights.write(each, versions.get(type))));
    return sets.stream().map(set -> RecordSets.write(set).build()).toList();
  }

  private static List<ResourceRecordSet> mark(NameState state) {
    return state
        .mark()
        .map(
            mark ->
                List.of(
                    ResourceRecordSet.builder()
                        .name(ZoneNames.absolute(Mark.nameFor(state.name())))
                        .type(RRType.TXT)
                        .ttl((long) Mark.TTL)
                        .resourceRecords(
                            ResourceRecord.builder().value('"' + mark.text() + '"').build())
                        .build()))
        .orElse(List.of());
  }
}
