package dev.whimbrel.servers;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One call of Azure Resource Manager, as a handler of {@link ArmResources} gets it.
 *
 * @param method {@code GET}, {@code PUT}…
 * @param id what it is about
 * @param path as it was sent, without the query
 * @param query its parameters, {@code api-version} among them
 * @param ifMatch the header, without quotes
 * @param ifNoneMatch the header
 * @param body empty where none was sent
 * @param fault what was planted for this call; long operations look at it, see {@link
 *     ArmOperations}
 */
public record ArmRequest(
    String method,
    ArmId id,
    String path,
    Map<String, String> query,
    @Nullable String ifMatch,
    @Nullable String ifNoneMatch,
    ObjectNode body,
    @Nullable ArmFault fault) {

  /** What faults and the journal are named by, see {@link ArmId#operation}. */
  public String operation() {
    return id.operation(method);
  }

  /** The version of the interface that the client speaks; empty if it says none. */
  public String apiVersion() {
    return query.getOrDefault("api-version", "");
  }

  /**
   * Whether the conditions hold for a resource.
   *
   * @param etag its etag; null if it does not exist
   */
  public boolean conditionsHold(@Nullable String etag) {
    boolean matches =
        ifMatch == null || (etag != null && (ifMatch.equals("*") || ifMatch.equals(etag)));
    boolean none =
        ifNoneMatch == null
            || etag == null
            || !(ifNoneMatch.equals("*") || ifNoneMatch.equals(etag));
    return matches && none;
  }
}
