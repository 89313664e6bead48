package dev.whimbrel.compute;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.whimbrel.activity.ChangePlan;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Finding.Level;
import dev.whimbrel.activity.MachinesRequest;
import dev.whimbrel.runbook.ProvisionSpec;
import dev.whimbrel.runbook.ProvisionSpec.AzureMachine;
import dev.whimbrel.servers.ArmCall;
import dev.whimbrel.servers.ArmFault;
import dev.whimbrel.servers.AzureMachines;
import dev.whimbrel.servers.AzureService;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class AzurePlanTest {
  @RegisterExtension static final AzureWorld world = new AzureWorld();

  private final String migration = AzureRequests.migration();

  @BeforeAll
  static void start() {
    world.oldMachine("db");
  }

  @Test
  void showsEveryCallTheQuotaAndTheSubscriptionAndChangesNothing() {
    String disk = AzureWorld.disk("db");
    MachinesRequest request =
        AzureRequests.request(
            migration,
            List.of(AzureRequests.machine(migration)),
            List.of(new ProvisionSpec.AzureSnapshot(disk)),
            List.of());

    ChangePlan plan = world.compute.planMachines(request);

    assertThat(plan.findings()).extracting(Finding::level).containsOnly(Level.NOTE);
    assertThat(plan.findings())
        .extracting(Finding::line)
        .anyMatch(line -> line.contains("subscription") && line.contains(AzureService.SUBSCRIPTION))
        .contains(
            "swedencentral: 2 vCPUs of standardBSFamily are needed, 2 of 1000 are in use.",
            "swedencentral: 2 vCPUs of cores are needed, 2 of 1000 are in use.");
    assertThat(plan.forward())
        .contains(
            "snapshot of %s in westeurope".formatted(disk),
            "copy of that snapshot from westeurope to swedencentral")
        .anyMatch(
            line ->
                line.startsWith("PUT networkInterfaces/" + migration)
                    && line.contains(", then PUT virtualMachines/" + migration + " in shop-rg")
                    && line.contains("size=Standard_B2s")
                    && line.contains("whimbrel-migration=" + migration)
                    && line.endsWith("If-None-Match=*"));
    assertThat(plan.back())
        .contains(
            "end %s in Azure shop-rg in swedencentral, found by its tag".formatted(migration));
    assertThat(world.arm().journal()).noneMatch(ArmCall::changes);
  }

  @Test
  void namesEverythingThatIsMissing() {
    String taken =
        world.machines.placeMachine(
            AzureWorld.GROUP, AzureWorld.TARGET, "taken-" + migration, Map.of());
    world.machines.catalogue().size("Standard_E8s_v5", "standardESv5Family", 8);
    world.machines.catalogue().quota(AzureWorld.TARGET, "standardESv5Family", 7);
    world.machines.catalogue().withhold("Standard_D4s_v5", AzureWorld.TARGET);
    AzureMachine wrong =
        new AzureMachine(
            migration,
            null,
            "Debian:debian-12:12-gen2:9",
            "Standard_D4s_v5",
            AzureWorld.SUBNET + "-none",
            AzureWorld.NSG + "-none",
            "ops",
            "ssh-ed25519 AAAA",
            "/nowhere/app.sh",
            Map.of());

    ChangePlan plan =
        world.compute.planMachines(
            AzureRequests.request(
                migration,
                wrong,
                AzureRequests.machine("taken-" + migration),
                AzureRequests.machine("large-" + migration, "Standard_E8s_v5", null)));

    assertThat(plan.findings())
        .filteredOn(each -> each.level() == Level.BLOCKER)
        .extracting(Finding::line)
        .anyMatch(line -> line.contains("expected the subnet " + AzureWorld.SUBNET + "-none"))
        .anyMatch(line -> line.contains("network security group " + AzureWorld.NSG + "-none"))
        .anyMatch(line -> line.contains("image Debian:debian-12:12-gen2:9 in swedencentral"))
        .anyMatch(line -> line.contains("user data in /nowhere/app.sh"))
        .anyMatch(line -> line.contains("a machine of this name is there, " + taken))
        .anyMatch(
            line ->
                line.contains("size Standard_D4s_v5 to be offered to the subscription")
                    && line.contains("Fix: az vm list-skus"))
        .anyMatch(
            line ->
                line.contains("8 vCPUs of standardESv5Family are needed, 0 of 7 are in use")
                    && line.contains("Fix: az quota update --resource-name standardESv5Family"))
        .hasSize(7);
    world.machines.erase(taken);
  }

  @Test
  void namesAResourceGroupThatIsNotThere() {
    MachinesRequest request =
        new MachinesRequest(
            migration,
            new ProvisionSpec(
                null,
                new ProvisionSpec.Azure(
                    AzureService.SUBSCRIPTION,
                    "no-rg",
                    AzureWorld.TARGET,
                    List.of(AzureRequests.machine(migration)),
                    List.of(),
                    List.of()),
                null));

    ChangePlan plan = world.compute.planMachines(request);

    assertThat(plan.findings())
        .filteredOn(each -> each.level() == Level.BLOCKER)
        .singleElement()
        .extracting(Finding::line)
        .isEqualTo(
            "no-rg: expected this resource group in the subscription, found none. Fix: az group create --subscription %s --name no-rg --location swedencentral"
                .formatted(AzureService.SUBSCRIPTION));
  }

  @Test
  void saysWhichRoleIsMissing() {
    world.arm().fault("GET Microsoft.Compute/skus (list of the subscription)", ArmFault.denied());

    Failures.Help help =
        AzureWorld.help(() -> world.compute.planMachines(AzureRequests.request(migration)));

    assertThat(help.command())
        .isEqualTo(
            "az role assignment create --assignee 00000000-0000-0000-0000-0000000000c2 --role \"Whimbrel Machines\" --scope /subscriptions/"
                + AzureService.SUBSCRIPTION);
  }

  @Test
  void comparesSecurityGroupsRuleByRule() {
    String source =
        group(
            "source-" + migration,
            rule("web", 100, "443", "*"),
            rule("ssh", 110, "22", "192.0.2.0/24"));
    String target =
        group("target-" + migration, rule("https", 100, "443", "*"), rule("db", 120, "5432", "*"));
    String same =
        group("same-" + migration, rule("web", 100, "443", "*"), rule("db", 120, "5432", "*"));

    List<String> lines =
        world
            .compute
            .planMachines(
                AzureRequests.request(
                    migration,
                    List.of(),
                    List.of(),
                    List.of(
                        new ProvisionSpec.AzureGroups(source, target),
                        new ProvisionSpec.AzureGroups(same, target),
                        new ProvisionSpec.AzureGroups(same + "-none", target))))
            .findings()
            .stream()
            .map(each -> each.level() + " " + each.line())
            .toList();

    String pair = "source-%1$s and target-%1$s".formatted(migration);
    String where =
        "--subscription %s --resource-group shop-rg --nsg-name target-%s"
            .formatted(AzureService.SUBSCRIPTION, migration);
    assertThat(lines)
        .contains(
            "WARNING %s: source-%s has 'Inbound 110 Allow Tcp from 192.0.2.0/24 port * to * port 22', target-%s has not. Fix: az network nsg rule create %s --name ssh --priority 110 --direction Inbound --access Allow --protocol Tcp --source-address-prefixes 192.0.2.0/24 --source-port-ranges '*' --destination-address-prefixes '*' --destination-port-ranges 22"
                .formatted(pair, migration, migration, where),
            "WARNING %s: target-%s has 'Inbound 120 Allow Tcp from * port * to * port 5432', source-%s has not. Fix: az network nsg rule delete %s --name db"
                .formatted(pair, migration, migration, where),
            "NOTE same-%1$s and target-%1$s: they have the same 2 rules.".formatted(migration),
            "BLOCKER same-%s-none: expected the network security group %s-none, found none."
                .formatted(migration, same));
    assertThat(lines).hasSize(5);
  }

  private static String group(String name, ObjectNode... rules) {
    String id = AzureMachines.id(AzureWorld.GROUP, "Microsoft.Network/networkSecurityGroups", name);
    ObjectNode group = AzureWorld.located(AzureWorld.TARGET);
    var all = group.withObject("/properties").putArray("securityRules");
    List.of(rules).forEach(all::add);
    world.machines.place(id, group);
    return id;
  }

  private static ObjectNode rule(String name, int priority, String port, String from) {
    ObjectNode rule = AzureWorld.located("").objectNode();
    rule.put("name", name);
    rule.putObject("properties")
        .put("priority", priority)
        .put("direction", "Inbound")
        .put("access", "Allow")
        .put("protocol", "Tcp")
        .put("sourceAddressPrefix", from)
        .put("sourcePortRange", "*")
        .put("destinationAddressPrefix", "*")
        .put("destinationPortRange", port);
    return rule;
  }
}
