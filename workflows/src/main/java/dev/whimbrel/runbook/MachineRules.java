package dev.whimbrel.runbook;

import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The target's machines that are made, and the source's that are retired. */
final class MachineRules {
  private static final Pattern NAME = Pattern.compile("[a-z][a-z0-9-]{0,39}");
  private static final Pattern INSTANCE = Pattern.compile("i-[0-9a-f]+");
  private static final Pattern AZURE_ID =
      Pattern.compile("(?i)/subscriptions/[^/]+/resourceGroups/[^/]+/providers/.+");

  private final Runbook draft;
  private final Places places;

  MachineRules(Runbook draft, Places places) {
    this.draft = draft;
    this.places = places;
  }

  void check() {
    ProvisionSpec provision = draft.provision();
    if (provision != null) {
      provision(provision);
    }
    RetireSpec retire = draft.decommission().retire();
    if (retire != null) {
      retire("decommission.retire", retire);
    }
  }

  private void provision(ProvisionSpec provision) {
    if (provision.ec2() == null
        && provision.azure() == null
        && provision.command() == null
        && List.of("ec2", "azure", "command").stream()
            .noneMatch(key -> places.has("provision." + key))) {
      places.report("provision", "expected ec2, azure or command, found none.");
    }
    Set<String> names = new HashSet<>();
    if (provision.ec2() != null) {
      List<ProvisionSpec.Ec2Machine> machines = provision.ec2().machines();
      for (int i = 0; i < machines.size(); i++) {
        ec2("provision.ec2.machines[" + i + "]", machines.get(i), names);
      }
    }
    if (provision.azure() != null) {
      List<ProvisionSpec.AzureMachine> machines = provision.azure().machines();
      for (int i = 0; i < machines.size(); i++) {
        azure("provision.azure.machines[" + i + "]", machines.get(i), names);
      }
    }
    if (provision.command() != null) {
      Problems.notEmpty(places, "provision.command.do", provision.command().doIt());
      Problems.notEmpty(places, "provision.command.check", provision.command().check());
      Problems.notEmpty(places, "provision.command.undo", provision.command().undo());
    }
  }

  private void ec2(String path, ProvisionSpec.Ec2Machine machine, Set<String> names) {
    name(path, machine.name(), names);
    file(path + ".userData", machine.userData());
    if (machine.adopt() == null) {
      needed(path, "image", machine.image());
      needed(path, "type", machine.type());
      needed(path, "subnet", machine.subnet());
    } else if (!INSTANCE.matcher(machine.adopt()).matches()) {
      places.report(
          path + ".adopt", "expected an instance's id, i-…, found '" + machine.adopt() + "'.");
    }
  }

  private void azure(String path, ProvisionSpec.AzureMachine machine, Set<String> names) {
    name(path, machine.name(), names);
    file(path + ".userData", machine.userData());
    if (machine.adopt() == null) {
      needed(path, "image", machine.image());
      needed(path, "size", machine.size());
      needed(path, "subnet", machine.subnet());
      needed(path, "adminUser", machine.adminUser());
      needed(path, "sshKey", machine.sshKey());
    } else {
      azureId(path + ".adopt", machine.adopt());
    }
  }

  private void retire(String path, RetireSpec retire) {
    if (retire.ec2().isEmpty()
        && retire.azure().isEmpty()
        && !places.has(path + ".ec2")
        && !places.has(path + ".azure")) {
      places.report(path, "expected ec2 or azure, found none.");
    }
    for (int i = 0; i < retire.ec2().size(); i++) {
      if (!INSTANCE.matcher(retire.ec2().get(i)).matches()) {
        places.report(
            path + ".ec2[" + i + "]",
            "expected an instance's id, i-…, found '" + retire.ec2().get(i) + "'.");
      }
    }
    adopted(path + ".ec2", retire.ec2());
    adopted(path + ".azure", retire.azure());
    for (int i = 0; i < retire.azure().size(); i++) {
      azureId(path + ".azure[" + i + "]", retire.azure().get(i));
    }
    Problems.positive(places, path + ".terminateAfter", retire.terminateAfter());
    Problems.oneOf(places, path + ".approval", retire.approval(), List.of("required", "none"));
  }

  /** What the target is to run on is not retired. */
  private void adopted(String path, List<String> retired) {
    Set<String> target = new HashSet<>();
    ProvisionSpec provision = draft.provision();
    if (provision != null && provision.ec2() != null) {
      provision.ec2().machines().forEach(machine -> target.add(lower(machine.adopt())));
    }
    if (provision != null && provision.azure() != null) {
      provision.azure().machines().forEach(machine -> target.add(lower(machine.adopt())));
    }
    for (int i = 0; i < retired.size(); i++) {
      if (target.contains(lower(retired.get(i)))) {
        places.report(
            path + "[" + i + "]", retired.get(i) + " is adopted by provision: it is the target's.");
      }
    }
  }

  private static String lower(@Nullable String id) {
    return id == null ? "" : id.toLowerCase(Locale.ROOT);
  }

  private void name(String path, @Nullable String name, Set<String> names) {
    if (name == null) {
      return;
    }
    if (!NAME.matcher(name).matches()) {
      places.report(
          path + ".name",
          "expected a lower-case letter, then at most 39 lower-case letters, digits and hyphens,"
              + " found '%s'.".formatted(name));
    } else if (!names.add(name)) {
      places.report(path + ".name", "'" + name + "' stands here a second time.");
    }
  }

  private void needed(String path, String key, @Nullable String found) {
    if (found == null && !places.has(path + "." + key)) {
      places.report(path + "." + key, "missing: expected it, or adopt with a machine's id.");
    }
  }

  private void file(String path, @Nullable String file) {
    if (file != null && !file.startsWith("/")) {
      places.report(path, "expected an absolute path on the worker, found '" + file + "'.");
    }
  }

  private void azureId(String path, String id) {
    if (!AZURE_ID.matcher(id).matches()) {
      places.report(
          path,
          "expected an id, /subscriptions/…/resourceGroups/…/providers/…, found '%s'."
              .formatted(id));
    }
  }
}
