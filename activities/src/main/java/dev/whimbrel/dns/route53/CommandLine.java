package dev.whimbrel.dns.route53;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import software.amazon.awssdk.services.route53.model.Change;
import software.amazon.awssdk.services.route53.model.ResourceRecordSet;

/** A batch as a person sends it with AWS's own command. */
final class CommandLine {
  private static final ObjectMapper JSON = new ObjectMapper();

  private CommandLine() {}

  static String of(String zoneId, List<Change> changes) {
    ObjectNode batch = JSON.createObjectNode();
    ArrayNode all = batch.putArray("Changes");
    for (Change change : changes) {
      ObjectNode each = all.addObject();
      each.put("Action", change.actionAsString());
      set(each.putObject("ResourceRecordSet"), change.resourceRecordSet());
    }
    try {
      return "aws route53 change-resource-record-sets --hosted-zone-id %s --change-batch '%s'"
          .formatted(zoneId, JSON.writeValueAsString(batch).replace("'", "'\\''"));
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e); // a tree can always be written
    }
  }

  private static void set(ObjectNode json, ResourceRecordSet set) {
    json.put("Name", set.name());
    json.put("Type", set.typeAsString());
    if (set.setIdentifier() != null) {
      json.put("SetIdentifier", set.setIdentifier());
      json.put("Weight", set.weight());
    }
    if (set.ttl() != null) {
      json.put("TTL", set.ttl());
    }
    if (set.aliasTarget() != null) {
      json.putObject("AliasTarget")
          .put("HostedZoneId", set.aliasTarget().hostedZoneId())
          .put("DNSName", set.aliasTarget().dnsName())
          .put("EvaluateTargetHealth", set.aliasTarget().evaluateTargetHealth());
    } else {
      ArrayNode records = json.putArray("ResourceRecords");
      set.resourceRecords().forEach(record -> records.addObject().put("Value", record.value()));
    }
    if (set.healthCheckId() != null) {
      json.put("HealthCheckId", set.healthCheckId());
    }
  }
}
