package dev.whimbrel.dns.azure;

import com.azure.core.util.Context;
import com.azure.resourcemanager.dns.fluent.DnsManagementClient;
import com.azure.resourcemanager.dns.fluent.models.RecordSetInner;
import com.azure.resourcemanager.dns.models.RecordType;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.azure.AzureCalls;
import dev.whimbrel.azure.AzureCalls.Lost;
import dev.whimbrel.azure.AzureCalls.Refused;
import dev.whimbrel.azure.AzureRight;
import dev.whimbrel.runbook.DnsSpec;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The record sets of one zone. Each is changed only as long as it has the etag that it was read
 * with; an answer that was lost is looked up before anything is said.
 */
final class ZoneRecords {
  private final DnsManagementClient client;
  private final DnsSpec.Azure spec;
  private final AzureRight right;

  ZoneRecords(DnsManagementClient client, DnsSpec.Azure spec) {
    this.client = client;
    this.spec = spec;
    this.right =
        new AzureRight(
            "DNS Zone Contributor",
            "/subscriptions/%s/resourceGroups/%s/providers/Microsoft.Network/dnszones/%s"
                .formatted(spec.subscription(), spec.resourceGroup(), spec.zone()));
  }

  /**
   * A name within the zone, {@code @} at its top.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} if it lies elsewhere
   */
  String relative(String name) {
    if (name.equals(spec.zone())) {
      return "@";
    }
    if (!name.endsWith("." + spec.zone())) {
      throw Failures.needsHelp(
          "%s does not lie in the zone %s".formatted(name, spec.zone()),
          "correct dns.names or dns.azure.zone in the runbook",
          null);
    }
    return name.substring(0, name.length() - spec.zone().length() - 1);
  }

  /** A record set, if it is there. */
  Optional<RecordSetInner> get(String name, String type) {
    try {
      return Optional.of(
          AzureCalls.make(
              "Cannot read " + words(name, type),
              right,
              () ->
                  client
                      .getRecordSets()
                      .getWithResponse(
                          spec.resourceGroup(),
                          spec.zone(),
                          relative(name),
                          RecordType.fromString(type),
                          Context.NONE)
                      .getValue()));
    } catch (Refused e) {
      if (e.status() == 404 && e.code().equals("NotFound")) {
        return Optional.empty();
      }
      throw zoneMissing(e);
    } catch (Lost e) {
      throw Failures.transientFailure(String.valueOf(e.getMessage()));
    }
  }

  /**
   * Writes a record set.
   *
   * @param etag what it must have; null where there must be none
   * @return the set as it is now; empty if it was changed meanwhile, and nothing was done
   */
  Optional<RecordSetInner> put(
      String name, String type, RecordSetInner wanted, @Nullable String etag) {
    try {
      return Optional.of(
          AzureCalls.make(
              "Cannot write " + words(name, type),
              right,
              () ->
                  client
                      .getRecordSets()
                      .createOrUpdateWithResponse(
                          spec.resourceGroup(),
                          spec.zone(),
                          relative(name),
                          RecordType.fromString(type),
                          wanted,
                          etag,
                          etag == null ? "*" : null,
                          Context.NONE)
                      .getValue()));
    } catch (Refused e) {
      if (e.status() == 412) {
        return Optional.empty();
      }
      throw e.status() == 404
          ? zoneMissing(e)
          : e.needsHelp("see what stands beside the name in the zone, then retry", null);
    } catch (Lost e) {
      return get(name, type)
          .filter(now -> !now.etag().equals(etag) && RecordSets.same(type, now, wanted));
    }
  }

  /**
   * Removes a record set.
   *
   * @return whether it is gone; false if it was changed meanwhile, and nothing was done
   */
  boolean delete(String name, String type, String etag) {
    try {
      AzureCalls.make(
          "Cannot remove " + words(name, type),
          right,
          () ->
              client
                  .getRecordSets()
                  .deleteWithResponse(
                      spec.resourceGroup(),
                      spec.zone(),
                      relative(name),
                      RecordType.fromString(type),
                      etag,
                      Context.NONE));
      return true;
    } catch (Refused e) {
      if (e.status() == 412) {
        return false;
      }
      throw e.needsHelp("see why Azure keeps it, then retry", null);
    } catch (Lost e) {
      return get(name, type).isEmpty();
    }
  }

  /** The zone's own name servers. */
  List<String> nameServers() {
    try {
      return AzureCalls.make(
              "Cannot read the zone " + spec.zone(),
              right,
              () -> client.getZones().getByResourceGroup(spec.resourceGroup(), spec.zone()))
          .nameServers()
          .stream()
          .map(each -> each.replaceAll("\\.$", ""))
          .toList();
    } catch (Refused e) {
      throw zoneMissing(e);
    } catch (Lost e) {
      throw Failures.transientFailure(String.valueOf(e.getMessage()));
    }
  }

  private RuntimeException zoneMissing(Refused e) {
    return e.needsHelp(
        "correct subscription, resourceGroup and zone under dns.azure in the runbook",
        "az network dns zone list --subscription %s --output table".formatted(spec.subscription()));
  }

  private String words(String name, String type) {
    return "the %s record set of %s".formatted(type, name);
  }
}
