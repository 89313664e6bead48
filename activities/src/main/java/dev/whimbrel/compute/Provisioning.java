package dev.whimbrel.compute;

import dev.whimbrel.activity.Failures;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Makes, adopts, awaits and removes the target's machines in one place. A machine is the
 * migration's own only if it carries its tags <em>and</em> the provider can tell that the migration
 * made it: tags are copied easily.
 */
final class Provisioning {
  private final ComputeProvider provider;
  private final String migration;
  private final Looks looks;

  Provisioning(ComputeProvider provider, String migration, Looks looks) {
    this.provider = provider;
    this.migration = migration;
    this.looks = looks;
  }

  /** Makes what is not there yet. */
  List<String> make() {
    List<String> lines = new ArrayList<>();
    for (WantedMachine wanted : provider.wanted()) {
      looks.look("looking for " + wanted.name());
      lines.add(wanted.adopt() == null ? make(wanted) : adopt(wanted, wanted.adopt()));
    }
    return lines;
  }

  private String make(WantedMachine wanted) {
    List<Machine> all = ofName(wanted.name());
    Optional<Machine> there = own(wanted);
    if (there.isPresent()) {
      Machine machine = there.get();
      requireAsAsked(wanted, machine);
      startIfItStands(machine);
      return "%s is %s, was there already".formatted(wanted.name(), machine.id());
    }
    int gone = (int) all.stream().filter(each -> each.made() && !each.alive()).count();
    Machine made = provider.make(migration, wanted, gone, looks::requireTime);
    requireAsAsked(wanted, made);
    return "%s is %s, made in %s".formatted(wanted.name(), made.id(), provider.place());
  }

  private String adopt(WantedMachine wanted, String id) {
    Machine machine = adopted(wanted, id);
    startIfItStands(machine);
    return "%s is %s, adopted".formatted(wanted.name(), id);
  }

  /** The adopted machine, where it is as the runbook says. */
  Machine adopted(WantedMachine wanted, String id) {
    Machine machine =
        provider
            .find(id)
            .filter(Machine::alive)
            .orElseThrow(
                () ->
                    Failures.needsHelp(
                        "%s: expected the machine %s in %s to adopt, found none"
                            .formatted(wanted.name(), id, provider.place()),
                        "correct adopt in the runbook, or remove it so that a machine is made",
                        null));
    if (machine.migration() != null && !machine.migration().equals(migration)) {
      throw Failures.needsHelp(
          "%s: %s was made by the migration %s, whose rollback would end it"
              .formatted(wanted.name(), id, machine.migration()),
          "adopt another machine, or end that migration and remove the tag",
          null);
    }
    requireAsAsked(wanted, machine);
    return machine;
  }

  private void startIfItStands(Machine machine) {
    if (machine.stands()) {
      looks.requireTime();
      provider.start(machine);
    }
  }

  private void requireAsAsked(WantedMachine wanted, Machine found) {
    String difference = wanted.difference(found);
    if (!difference.isEmpty()) {
      throw Failures.needsHelp(
          "%s: %s in %s is not as the runbook says: %s"
              .formatted(wanted.name(), found.id(), provider.place(), difference),
          wanted.adopt() == null
              ? "end that machine and retry, so that it is made anew"
              : "correct the runbook, or adopt another machine",
          wanted.adopt() == null ? provider.byHand("terminate", found.id()) : null);
    }
  }

  /** Waits until every machine runs and is healthy. */
  List<String> awaitHealthy() {
    looks.until(
        () -> {
          for (WantedMachine wanted : provider.wanted()) {
            Optional<String> missing = missing(wanted);
            if (missing.isPresent()) {
              return missing;
            }
          }
          return Optional.empty();
        },
        "look at the machine's console output; if it never comes up, roll back or repair it, then"
            + " retry");
    return provider.wanted().stream().map(each -> each.name() + " is healthy").toList();
  }

  private Optional<String> missing(WantedMachine wanted) {
    Optional<Machine> found = wanted.adopt() == null ? own(wanted) : provider.find(wanted.adopt());
    if (found.isEmpty()) {
      requireNotGone(wanted);
      return Optional.of(wanted.name() + " is not seen yet");
    }
    Machine machine = found.get();
    return switch (machine.state()) {
      case RUNNING -> provider.unhealthy(machine).map(text -> wanted.name() + ": " + text);
      case STARTING, STOPPING ->
          Optional.of(
              "%s: %s is %s".formatted(wanted.name(), machine.id(), machine.state().word()));
      case IDLE, STOPPED, GOING, GONE -> throw fallen(wanted, machine);
    };
  }

  /** A launch can fail after it was answered with success, for want of capacity or of a disk. */
  private void requireNotGone(WantedMachine wanted) {
    List<Machine> gone =
        ofName(wanted.name()).stream().filter(each -> each.made() && !each.alive()).toList();
    // It may also be an earlier round's, while this round's is not seen yet.
    if (!gone.isEmpty() && looks.sinceFirstAttempt().compareTo(looks.pace().visible()) > 0) {
      throw fallen(wanted, gone.get(gone.size() - 1));
    }
  }

  private RuntimeException fallen(WantedMachine wanted, Machine machine) {
    return Failures.needsHelp(
        "%s: expected %s in %s to run, found it %s%s"
            .formatted(
                wanted.name(),
                machine.id(),
                provider.place(),
                machine.state().word(),
                machine.reason().isEmpty() ? "" : ": " + machine.reason()),
        machine.stands()
            ? "start it, then retry"
            : "remove the cause, roll back, and start the migration again",
        machine.stands() ? provider.byHand("start", machine.id()) : null);
  }

  /** Ends every machine that the migration has made, and waits until it is gone. */
  List<String> remove() {
    List<String> adopted =
        provider.wanted().stream().map(WantedMachine::adopt).filter(each -> each != null).toList();
    awaitVisible();
    List<String> lines = new ArrayList<>();
    List<String> ended = new ArrayList<>();
    for (Machine machine : provider.tagged(migration)) {
      if (machine.state() == Machine.State.GONE) {
        continue;
      }
      if (!machine.made() || adopted.contains(machine.id())) {
        lines.add(
            "%s carries this migration's tag, was not made by it and was left as it is"
                .formatted(machine.id()));
        continue;
      }
      looks.look("ending " + machine.id());
      if (machine.alive()) {
        looks.requireTime();
        provider.terminate(machine);
      }
      ended.add(machine.id());
    }
    looks.until(() -> notGone(ended), "see why it does not end, then retry");
    ended.forEach(id -> lines.add(id + " was ended"));
    Set<String> leftovers = new TreeSet<>();
    looks.until(() -> leftOver(leftovers), "see why it does not go, then retry");
    leftovers.forEach(id -> lines.add(id + " was deleted"));
    adopted.forEach(id -> lines.add(id + " was adopted and was left as it is"));
    return lines;
  }

  /** What an attempt has just launched, before its answer was lost, may not be seen yet. */
  private void awaitVisible() {
    long deadline = System.nanoTime() + looks.pace().visible().toNanos();
    while (provider.wanted().stream()
            .anyMatch(each -> each.adopt() == null && ofName(each.name()).isEmpty())
        && System.nanoTime() < deadline) {
      looks.look("looking for machines that were just made");
      looks.rest();
    }
  }

  /** Begins to remove what was made beside machines, such as one whose machine was never made. */
  private Optional<String> leftOver(Set<String> seen) {
    List<String> there = provider.leftovers(migration);
    for (String id : there) {
      if (seen.add(id)) {
        looks.requireTime();
        provider.removeLeftover(id);
      }
    }
    return there.isEmpty() ? Optional.empty() : Optional.of(String.join(", ", there) + " goes");
  }

  private Optional<String> notGone(List<String> ids) {
    String still =
        ids.stream()
            .map(provider::find)
            .flatMap(Optional::stream)
            .filter(each -> each.state() != Machine.State.GONE)
            .map(each -> "%s is %s".formatted(each.id(), each.state().word()))
            .collect(Collectors.joining(", "));
    return still.isEmpty() ? Optional.empty() : Optional.of(still);
  }

  /** The machine of that name that the migration has made, if it is there. */
  Optional<Machine> own(WantedMachine wanted) {
    List<Machine> alive = ofName(wanted.name()).stream().filter(Machine::alive).toList();
    @Nullable Machine stranger =
        alive.stream().filter(each -> !each.made()).findFirst().orElse(null);
    if (stranger != null) {
      throw Failures.needsHelp(
          "%s: %s in %s carries this migration's tags and was not made by it"
              .formatted(wanted.name(), stranger.id(), provider.place()),
          "remove the tags from that machine, then retry",
          provider.byHand("untag", stranger.id()));
    }
    if (alive.size() > 1) {
      throw Failures.needsHelp(
          "%s: expected one machine in %s, found %s"
              .formatted(
                  wanted.name(),
                  provider.place(),
                  alive.stream().map(Machine::id).collect(Collectors.joining(", "))),
          "end the one that is not wanted, then retry",
          null);
    }
    return alive.stream().findFirst();
  }

  private List<Machine> ofName(String name) {
    return provider.tagged(migration).stream().filter(each -> name.equals(each.name())).toList();
  }
}
