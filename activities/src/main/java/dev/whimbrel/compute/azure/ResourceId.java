package dev.whimbrel.compute.azure;

import dev.whimbrel.activity.Failures;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The id of a resource, taken apart. Azure compares ids without case, and does not always give them
 * back as they were sent.
 *
 * @param id as it was written
 * @param subscription the subscription
 * @param group the resource group
 * @param type such as {@code microsoft.compute/virtualmachines}, in lower case
 * @param name the resource's name; of {@code …/a/b/c}, the first
 * @param rest what follows the name, such as {@code subnets/apps}; else empty
 */
record ResourceId(
    String id, String subscription, String group, String type, String name, String rest) {
  static final String MACHINE = "microsoft.compute/virtualmachines";
  static final String DISK = "microsoft.compute/disks";
  static final String SNAPSHOT = "microsoft.compute/snapshots";
  static final String IMAGE = "microsoft.compute/images";
  static final String INTERFACE = "microsoft.network/networkinterfaces";
  static final String GROUP = "microsoft.network/networksecuritygroups";
  static final String ADDRESS = "microsoft.network/publicipaddresses";
  static final String NETWORK = "microsoft.network/virtualnetworks";

  private static final Pattern ID =
      Pattern.compile(
          "/subscriptions/([^/]+)/resourceGroups/([^/]+)/providers/([^/]+/[^/]+)/([^/]+)/?(.*)",
          Pattern.CASE_INSENSITIVE);

  /**
   * Takes an id apart.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} if it is none of that type
   */
  static ResourceId of(String id, String type) {
    ResourceId parsed = of(id);
    if (!parsed.type.equals(type)) {
      throw Failures.needsHelp(
          "expected the id of a resource of type %s, found %s".formatted(type, id),
          "correct it in the runbook",
          null);
    }
    return parsed;
  }

  static ResourceId of(String id) {
    Matcher matcher = ID.matcher(id);
    if (!matcher.matches()) {
      throw Failures.needsHelp(
          "expected an id, /subscriptions/…/resourceGroups/…/providers/…, found " + id,
          "correct it in the runbook",
          null);
    }
    return new ResourceId(
        id,
        matcher.group(1),
        matcher.group(2),
        matcher.group(3).toLowerCase(Locale.ROOT),
        matcher.group(4),
        matcher.group(5));
  }

  static String of(String subscription, String group, String type, String name) {
    return "/subscriptions/%s/resourceGroups/%s/providers/%s/%s"
        .formatted(subscription, group, type, name);
  }

  /** The id of its resource group. */
  String scope() {
    return scope(subscription, group);
  }

  static String scope(String subscription, String group) {
    return "/subscriptions/%s/resourceGroups/%s".formatted(subscription, group);
  }

  static boolean same(String one, String other) {
    return one.equalsIgnoreCase(other);
  }
}
