package dev.whimbrel.servers;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A path of Azure Resource Manager, taken apart. Everything in it is compared without case; {@link
 * #type} is in lower case, names are kept as they were written.
 *
 * @param subscription the subscription's id; empty in paths that have none
 * @param group the resource group; null in paths that have none
 * @param type {@code microsoft.network/dnszones/a}; a list's or an action's last word counts too,
 *     as in {@code microsoft.compute/virtualmachines/start}
 * @param names one for each word of the type after the first slash; one less for lists and actions
 */
public record ArmId(String subscription, @Nullable String group, String type, List<String> names) {

  static final String SUBSCRIPTIONS = "microsoft.resources/subscriptions";

  public ArmId {
    names = List.copyOf(names);
  }

  /**
   * Takes a path apart.
   *
   * @throws IllegalArgumentException if it is none of Azure Resource Manager's
   */
  public static ArmId parse(String path) {
    List<String> words = new ArrayList<>(List.of(path.replaceAll("^/+|/+$", "").split("/")));
    String subscription = after(words, "subscriptions");
    String group = after(words, "resourcegroups");
    if (words.isEmpty()) {
      return group == null
          ? new ArmId(
              nonNull(subscription),
              null,
              SUBSCRIPTIONS,
              nonNull(subscription).isEmpty() ? List.of() : List.of(subscription))
          : new ArmId(
              nonNull(subscription),
              null,
              "microsoft.resources/resourcegroups",
              group.isEmpty() ? List.of() : List.of(group));
    }
    if (words.size() < 3 || !words.get(0).equalsIgnoreCase("providers")) {
      throw new IllegalArgumentException("Not a path of Azure Resource Manager: " + path);
    }
    StringBuilder type = new StringBuilder(words.get(1));
    List<String> names = new ArrayList<>();
    for (int i = 2; i < words.size(); i++) {
      if (i % 2 == 0) {
        type.append('/').append(words.get(i));
      } else {
        names.add(words.get(i));
      }
    }
    return new ArmId(nonNull(subscription), group, type.toString().toLowerCase(Locale.ROOT), names);
  }

  /** The name at a place, the zone's at 0 and the record set's at 1, in lower case. */
  public String key(int place) {
    return names.get(place).toLowerCase(Locale.ROOT);
  }

  /** Whether the path names one resource, and neither a list nor an action. */
  public boolean isResource() {
    return !names.isEmpty() && names.size() == type.split("/").length - 1;
  }

  /**
   * {@code PUT microsoft.network/dnszones/a}. A list is told from the read of one: {@code GET
   * microsoft.compute/disks (list)}, and the whole subscription's from a group's.
   */
  public String operation(String method) {
    String of = group == null ? " (list of the subscription)" : " (list)";
    return method + " " + type + (method.equals("GET") && !isResource() ? of : "");
  }

  /** The last word of the type, such as {@code a} or {@code start}. */
  public String lastType() {
    return type.substring(type.lastIndexOf('/') + 1);
  }

  /** Where the resources are: {@code /subscriptions/…/resourcegroups/…}, in lower case. */
  public String scope() {
    return ("/subscriptions/" + subscription + (group == null ? "" : "/resourcegroups/" + group))
        .toLowerCase(Locale.ROOT);
  }

  private static @Nullable String after(List<String> words, String keyword) {
    if (words.isEmpty() || !words.get(0).equalsIgnoreCase(keyword)) {
      return null;
    }
    words.remove(0);
    return words.isEmpty() ? "" : words.remove(0);
  }

  private static String nonNull(@Nullable String text) {
    return text == null ? "" : text;
  }
}
