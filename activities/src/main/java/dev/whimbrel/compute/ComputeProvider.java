package dev.whimbrel.compute;

import dev.whimbrel.activity.Finding;
import java.util.List;
import java.util.Optional;

/**
 * One place at a cloud where machines are kept and made: one implementation for each kind of cloud.
 * It looks and acts; what may be touched is not decided here. Every call may fail with {@code
 * Transient} where it may work later, and with {@code NeedsHelp} where a person must act.
 */
public interface ComputeProvider {

  /** Which place, in words: {@code EC2 eu-north-1}. */
  String place();

  /** The machines that the runbook wants here. */
  List<WantedMachine> wanted();

  /**
   * Every machine that carries the migration's tag, with those that are gone as long as the cloud
   * shows them. A machine that was just made may be missing for some seconds.
   */
  List<Machine> tagged(String migration);

  /** The machine of that id; one that is gone may be found or not. */
  Optional<Machine> find(String id);

  /**
   * Makes a machine with its tags in one step. Asked again for the same machine, also at the same
   * time or after an answer was lost, it makes no second one.
   *
   * @param gone how many machines of this name the migration has made that are gone
   * @param requireTime throws where this attempt has been given up; asked before each call that may
   *     make a machine
   */
  Machine make(String migration, WantedMachine wanted, int gone, Runnable requireTime);

  /** Begins to start a machine that stands. */
  void start(Machine machine);

  /** Begins to stop a machine. */
  void stop(Machine machine);

  /** Begins to end a machine for good; with it go the disks that were made with it. */
  void terminate(Machine machine);

  /**
   * What the migration has made beside its machines, belongs to none of them, and would stay: such
   * as the network interface of a machine that was never made.
   */
  default List<String> leftovers(String migration) {
    return List.of();
  }

  /** Begins to remove one of {@link #leftovers}. */
  default void removeLeftover(String id) {
    throw new IllegalStateException("No such thing is ever left here: " + id);
  }

  /** What a machine that runs still lacks to be healthy, in words. */
  Optional<String> unhealthy(Machine machine);

  /** What else has to be made of disks. */
  List<WantedSnapshot> wantedSnapshots();

  /** Every snapshot that the migration has made in a place, as {@link WantedSnapshot} names it. */
  List<Snapshot> snapshots(String migration, String place);

  /**
   * Begins a snapshot, with its tags in one step. Asked twice, it may make two.
   *
   * @param from the snapshot that is copied; empty: the disk itself is snapshot
   * @param requireTime as for {@link #make}
   */
  void snapshot(
      String migration, WantedSnapshot wanted, Optional<Snapshot> from, Runnable requireTime);

  /** Begins to delete a snapshot; one that is gone is fine. */
  void delete(Snapshot snapshot);

  /** The command with which a person deletes it. */
  String deleteByHand(Snapshot snapshot);

  /**
   * The call that would {@code stop} or {@code terminate} a machine, in words.
   *
   * @param verb which of the two
   */
  String retireCall(String verb, Machine machine);

  /**
   * Whether the cloud would let this worker {@code stop} or {@code terminate} a machine; asked
   * without doing it.
   */
  List<Finding> rights(String verb, Machine machine);

  /** The command with which a person does to a machine what the provider was refused or may not. */
  String byHand(String verb, String id);

  /** What stands in the way of making the machines; changes nothing. */
  List<Finding> findings(String migration);

  /** The call that would make a machine, in words. */
  String makeCall(String migration, WantedMachine wanted);

  /** The disks that stay, and cost money, when the machine is ended. */
  List<String> staying(Machine machine);

  /** What still costs money of these machines, and of this migration, with ids and sizes. */
  List<String> costs(String migration, List<String> machines);
}
