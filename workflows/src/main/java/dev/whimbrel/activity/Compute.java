package dev.whimbrel.activity;

import io.temporal.activity.ActivityInterface;

/**
 * Machines. What is made carries the migration's tag; nothing is ever changed that neither carries
 * it nor stands in the runbook.
 */
@ActivityInterface
public interface Compute {

  /** Says what stands in the way, and every call that would be made; changes nothing. */
  ChangePlan planMachines(MachinesRequest request);

  /**
   * Makes the machines and snapshots that are not there yet, and looks at those that are adopted.
   * Killed anywhere and run again, also beside an older attempt, it makes each of them once.
   */
  Outcome provisionMachines(MachinesRequest request);

  /**
   * Waits until every machine is healthy. Of snapshots that are there twice by then, since a call
   * arrived late, the one that counts stays; another goes only where nothing is uncertain about it.
   * All of them are named.
   */
  Outcome awaitMachines(MachinesRequest request);

  /** Removes what the migration has made, and nothing that it has adopted. Again is harmless. */
  Outcome removeMachines(MachinesRequest request);

  /**
   * Says of each of the source's machines that the runbook names whether it is there, whose it is
   * and every call that would retire it; changes nothing. One that is not there is a blocker.
   */
  ChangePlan planRetirement(RetireRequest request);

  /**
   * Stops the source's machines that the runbook names, and waits until they stand. One that is
   * gone and was never seen needs help: its id may be wrong.
   */
  Outcome stopMachines(RetireRequest request);

  /** Says which of the source's machines are no longer as they were left when they were stopped. */
  OldMachines lookAtOldMachines(RetireRequest request);

  /**
   * Terminates the source's machines that the runbook names. One that was seen and is gone counts
   * as done; one that runs again, and is not named as such in the request, needs help.
   */
  Outcome terminateMachines(RetireRequest request);

  /**
   * Lists what on the source's side still costs money. Where that cannot be read the line says that
   * it is not known, and why.
   */
  Outcome listCosts(RetireRequest request);
}
