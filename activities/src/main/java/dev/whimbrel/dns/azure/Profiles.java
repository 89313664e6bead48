package dev.whimbrel.dns.azure;

import com.azure.core.util.Context;
import com.azure.resourcemanager.trafficmanager.fluent.TrafficManagerManagementClient;
import com.azure.resourcemanager.trafficmanager.fluent.models.ProfileInner;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.azure.AzureCalls;
import dev.whimbrel.azure.AzureCalls.Lost;
import dev.whimbrel.azure.AzureCalls.Refused;
import dev.whimbrel.azure.AzureRight;
import dev.whimbrel.azure.OnlyNew;
import dev.whimbrel.dns.NameState.Split;
import dev.whimbrel.runbook.DnsSpec;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * The migration's profiles at Traffic Manager, one a name and type. Their names are stable, and
 * only what carries the migration's tag is ever changed or deleted.
 */
final class Profiles {
  /** The tag whose value is the migration's name. */
  static final String TAG = "whimbrel-migration";

  private final TrafficManagerManagementClient client;
  private final DnsSpec.Azure spec;
  private final String group;
  private final String migration;
  private final List<String> names;
  private final AzureRight right;

  /**
   * @param names the runbook's names, which are counted in the profiles' names
   */
  Profiles(
      TrafficManagerManagementClient client,
      DnsSpec.Azure spec,
      String migration,
      List<String> names) {
    this.client = client;
    this.spec = spec;
    this.group =
        spec.trafficManager() == null || spec.trafficManager().resourceGroup() == null
            ? spec.resourceGroup()
            : spec.trafficManager().resourceGroup();
    this.migration = migration;
    this.names = names;
    this.right =
        new AzureRight(
            "Traffic Manager Contributor",
            "/subscriptions/%s/resourceGroups/%s".formatted(spec.subscription(), group));
  }

  /** {@code whimbrel-shop-1-a}. */
  String called(String name, String type) {
    return "whimbrel-%s-%d-%s"
        .formatted(migration, names.indexOf(name) + 1, type.toLowerCase(Locale.ROOT));
  }

  /** What a record set names to answer by the profile. */
  String id(String name, String type) {
    return "%s/providers/Microsoft.Network/trafficManagerProfiles/%s"
        .formatted(right.scope(), called(name, type));
  }

  /** The migration's profile; one of somebody else's under its name is left out. */
  Optional<ProfileInner> get(String name, String type) {
    return any(name, type).filter(this::isOurs);
  }

  /** Whatever stands under the name of the migration's profile. */
  Optional<ProfileInner> any(String name, String type) {
    try {
      return Optional.of(
          AzureCalls.make(
              "Cannot read " + words(name, type),
              right,
              () -> client.getProfiles().getByResourceGroup(group, called(name, type))));
    } catch (Refused e) {
      if (e.status() == 404 && e.code().equals("ResourceNotFound")) {
        return Optional.empty();
      }
      throw groupMissing(e);
    } catch (Lost e) {
      throw Failures.transientFailure(String.valueOf(e.getMessage()));
    }
  }

  /**
   * Makes the profile, or gives it other weights, so that it answers as the split says. One that
   * somebody else makes between look and request is left as it is.
   */
  void answer(String name, Split split) {
    String type = split.type();
    ProfileInner wanted = Endpoints.profile(spec, migration, called(name, type), split);
    if (own(name, type).isEmpty()) {
      make(name, type, wanted);
    } else {
      write(name, type, wanted);
    }
  }

  /** Makes it and reads back what is there then, since Azure may not heed the condition. */
  private void make(String name, String type, ProfileInner wanted) {
    try {
      put(name, type, wanted, OnlyNew.mark());
    } catch (Refused e) {
      if (e.status() != OnlyNew.IS_THERE) {
        throw meaning(e);
      }
    }
    ProfileInner now =
        own(name, type)
            .orElseThrow(
                () -> Failures.transientFailure("Made and not seen: " + words(name, type)));
    String difference = Endpoints.difference(wanted, now);
    if (!difference.isEmpty()) {
      throw Failures.needsHelp(
          "%s is not as it was just asked for: %s".formatted(words(name, type), difference),
          "see who changes it; delete it if nobody needs it, then retry",
          "az network traffic-manager profile show --ids " + id(name, type));
    }
    if (!Endpoints.alike(wanted, now)) {
      throw Failures.transientFailure(
          words(name, type) + " answers otherwise than was just asked for");
    }
  }

  /**
   * Lets the profile answer with one side alone, for those who still ask it: a resolver may keep
   * the alias that leads to it for as long as its TTL says.
   *
   * @param target whether it is the target's side
   */
  void retire(String name, String type, boolean target) {
    Optional<ProfileInner> profile = get(name, type);
    if (profile.isPresent() && Endpoints.retired(profile.get()).isEmpty()) {
      write(name, type, Endpoints.oneSided(profile.get(), target, Instant.now()));
    }
  }

  /** Deletes the profile, if it is the migration's. */
  void delete(String name, String type) {
    if (get(name, type).isEmpty()) {
      return;
    }
    try {
      AzureCalls.make(
          "Cannot delete " + words(name, type),
          right,
          () -> client.getProfiles().delete(group, called(name, type)));
    } catch (Refused e) {
      throw e.needsHelp("see why Azure keeps it, then retry", null);
    } catch (Lost e) {
      if (get(name, type).isPresent()) {
        throw Failures.transientFailure(String.valueOf(e.getMessage()));
      }
    }
  }

  boolean isOurs(ProfileInner profile) {
    Map<String, String> tags = profile.tags() == null ? Map.of() : profile.tags();
    return migration.equals(tags.get(TAG));
  }

  /** What stands under the name, which must be the migration's own. */
  private Optional<ProfileInner> own(String name, String type) {
    Optional<ProfileInner> there = any(name, type);
    if (there.isPresent() && !isOurs(there.get())) {
      throw Failures.needsHelp(
          "%s is there already, without the tag %s=%s: somebody else made it"
              .formatted(words(name, type), TAG, migration),
          "delete it if nobody needs it, or name another trafficManager.resourceGroup in the runbook",
          "az network traffic-manager profile show --ids " + id(name, type));
    }
    return there;
  }

  private void write(String name, String type, ProfileInner wanted) {
    try {
      put(name, type, wanted, Context.NONE);
    } catch (Refused e) {
      throw meaning(e);
    }
  }

  private void put(String name, String type, ProfileInner wanted, Context context) {
    try {
      AzureCalls.make(
          "Cannot write " + words(name, type),
          right,
          () ->
              client
                  .getProfiles()
                  .createOrUpdateWithResponse(group, called(name, type), wanted, context));
    } catch (Lost e) {
      if (get(name, type).filter(now -> Endpoints.same(now, wanted)).isEmpty()) {
        throw Failures.transientFailure(String.valueOf(e.getMessage()));
      }
    }
  }

  private RuntimeException meaning(Refused e) {
    return e.status() == 404
        ? groupMissing(e)
        : e.needsHelp("see what Azure says about the profile, then retry", null);
  }

  private RuntimeException groupMissing(Refused e) {
    return e.needsHelp(
        "correct dns.azure.trafficManager.resourceGroup in the runbook, or make the group",
        "az group create --subscription %s --name %s --location %s"
            .formatted(spec.subscription(), group, "<location>"));
  }

  private String words(String name, String type) {
    return "the Traffic Manager profile %s in %s".formatted(called(name, type), group);
  }

  /** Whether an alias leads to the profile of this name and type. */
  boolean isTarget(String name, String type, String alias) {
    return names.contains(name) && alias.equalsIgnoreCase(id(name, type));
  }
}
