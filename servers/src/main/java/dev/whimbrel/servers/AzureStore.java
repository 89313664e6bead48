package dev.whimbrel.servers;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The resources of {@link AzureMachines} by their ids, which Azure compares without case. Whoever
 * does more than one thing with it holds its monitor.
 */
final class AzureStore {
  private final Map<String, ObjectNode> resources = new TreeMap<>();
  private final Set<String> locks = new TreeSet<>();
  private boolean heedsIfNoneMatch = true;

  /** The key of a path that names a resource, or of the resource that an action is about. */
  static String key(ArmId id) {
    String[] words = id.type().split("/", -1);
    StringBuilder key = new StringBuilder(id.scope()).append("/providers/").append(words[0]);
    for (int i = 0; i < id.names().size(); i++) {
      key.append('/').append(words[i + 1]).append('/').append(id.key(i));
    }
    return key.toString();
  }

  synchronized Optional<ObjectNode> get(String id) {
    return Optional.ofNullable(resources.get(id.toLowerCase(Locale.ROOT)));
  }

  synchronized void put(String id, ObjectNode resource) {
    resources.put(id.toLowerCase(Locale.ROOT), resource);
  }

  synchronized boolean remove(String id) {
    return resources.remove(id.toLowerCase(Locale.ROOT)) != null;
  }

  /** What there is of a type below a scope. */
  synchronized List<ObjectNode> of(String scope, String type) {
    return resources.entrySet().stream()
        .filter(each -> each.getKey().startsWith(scope.toLowerCase(Locale.ROOT) + "/"))
        .filter(each -> isOf(each.getKey(), type))
        .map(Map.Entry::getValue)
        .toList();
  }

  /** Everything, by its id in lower case. */
  synchronized Map<String, JsonNode> all() {
    Map<String, JsonNode> all = new TreeMap<>();
    resources.forEach((id, resource) -> all.put(id, resource.deepCopy()));
    return all;
  }

  synchronized void heedIfNoneMatch(boolean heeds) {
    heedsIfNoneMatch = heeds;
  }

  synchronized boolean heedsIfNoneMatch() {
    return heedsIfNoneMatch;
  }

  /** Nothing at or below this scope can be deleted from now on. */
  synchronized void lock(String scope) {
    locks.add(scope.toLowerCase(Locale.ROOT));
  }

  synchronized void unlock(String scope) {
    locks.remove(scope.toLowerCase(Locale.ROOT));
  }

  /** The lock that keeps a resource. */
  synchronized Optional<String> lockOf(String id) {
    return locks.stream()
        .filter(each -> (id.toLowerCase(Locale.ROOT) + "/").startsWith(each + "/"))
        .findFirst();
  }

  private static boolean isOf(String key, String type) {
    return key.matches(".*/providers/" + type.replace(".", "\\.") + "/[^/]+");
  }
}
