package dev.whimbrel.compute;

import dev.whimbrel.activity.Finding;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;

/**
 * A cloud that has snapshots of one disk and nothing else, as a test places them. It keeps a
 * journal of what is changed, and lets things happen between two looks.
 */
final class SnapshotCloud implements ComputeProvider {
  static final String DISK = "vol-0abc";
  static final String FROM = "eu-west-1";
  static final String TO = "eu-north-1";

  final List<Snapshot> there = new ArrayList<>();
  final List<String> journal = new ArrayList<>();
  final List<Long> looks = new ArrayList<>();
  private final Deque<Runnable> afterLooks = new ArrayDeque<>();
  private final String to;
  private Runnable onDelete = () -> {};

  /**
   * @param copied whether the disk's snapshot is copied elsewhere
   */
  SnapshotCloud(boolean copied) {
    this.to = copied ? TO : FROM;
  }

  static Snapshot original(String id, String begun, Snapshot.State state) {
    return new Snapshot(id, FROM, DISK, false, begun, state, "40%", 11);
  }

  static Snapshot copy(String id, String begun, Snapshot.State state) {
    return new Snapshot(id, TO, DISK, true, begun, state, "40%", 11);
  }

  SnapshotCloud with(Snapshot... snapshots) {
    there.addAll(List.of(snapshots));
    return this;
  }

  /** What happens right behind the next call that lists snapshots; more of them, one each. */
  SnapshotCloud then(Runnable deed) {
    afterLooks.add(deed);
    return this;
  }

  /** What happens where a snapshot is about to be deleted. */
  SnapshotCloud onDelete(Runnable deed) {
    onDelete = deed;
    return this;
  }

  /** The snapshot of that id is in this state from now on. */
  void becomes(String id, Snapshot.State state) {
    there.replaceAll(
        each ->
            each.id().equals(id)
                ? new Snapshot(
                    id,
                    each.place(),
                    each.disk(),
                    each.copy(),
                    each.begun(),
                    state,
                    each.progress(),
                    each.gibibytes())
                : each);
  }

  void vanishes(String id) {
    there.removeIf(each -> each.id().equals(id));
  }

  @Override
  public String place() {
    return "a place";
  }

  @Override
  public List<WantedMachine> wanted() {
    return List.of();
  }

  @Override
  public List<WantedSnapshot> wantedSnapshots() {
    return List.of(new WantedSnapshot(DISK, FROM, to));
  }

  @Override
  public List<Snapshot> snapshots(String migration, String place) {
    looks.add(System.nanoTime());
    List<Snapshot> found = there.stream().filter(each -> each.place().equals(place)).toList();
    Optional.ofNullable(afterLooks.poll()).ifPresent(Runnable::run);
    return found;
  }

  @Override
  public void snapshot(
      String migration, WantedSnapshot wanted, Optional<Snapshot> from, Runnable requireTime) {
    requireTime.run();
    journal.add("make " + from.map(each -> "a copy of " + each.id()).orElse("a snapshot"));
  }

  @Override
  public void delete(Snapshot snapshot) {
    onDelete.run();
    journal.add("delete " + snapshot.id());
    vanishes(snapshot.id());
  }

  @Override
  public String deleteByHand(Snapshot snapshot) {
    return "delete " + snapshot.id();
  }

  @Override
  public List<Finding> findings(String migration) {
    return List.of();
  }

  @Override
  public List<Machine> tagged(String migration) {
    return List.of();
  }

  @Override
  public Optional<Machine> find(String id) {
    return Optional.empty();
  }

  @Override
  public Machine make(String migration, WantedMachine wanted, int gone, Runnable requireTime) {
    throw noMachines();
  }

  @Override
  public void start(Machine machine) {
    throw noMachines();
  }

  @Override
  public void stop(Machine machine) {
    throw noMachines();
  }

  @Override
  public void terminate(Machine machine) {
    throw noMachines();
  }

  @Override
  public Optional<String> unhealthy(Machine machine) {
    throw noMachines();
  }

  @Override
  public String retireCall(String verb, Machine machine) {
    throw noMachines();
  }

  @Override
  public List<Finding> rights(String verb, Machine machine) {
    throw noMachines();
  }

  @Override
  public String byHand(String verb, String id) {
    throw noMachines();
  }

  @Override
  public String makeCall(String migration, WantedMachine wanted) {
    throw noMachines();
  }

  @Override
  public List<String> staying(Machine machine) {
    throw noMachines();
  }

  @Override
  public List<String> costs(String migration, List<String> machines) {
    return List.of();
  }

  private static IllegalStateException noMachines() {
    return new IllegalStateException("There are no machines here");
  }
}
