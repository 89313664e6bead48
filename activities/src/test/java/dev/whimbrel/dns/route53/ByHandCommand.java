package dev.whimbrel.dns.route53;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.whimbrel.servers.Route53Service;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A person pastes a command that Whimbrel has printed: read as AWS's own command reads it. */
final class ByHandCommand {
  private static final Pattern COMMAND =
      Pattern.compile(
          "aws route53 change-resource-record-sets --hosted-zone-id (\\w+) --change-batch '(.*)'");

  private ByHandCommand() {}

  static void send(Route53Service route53, String command) {
    Matcher matcher = COMMAND.matcher(command);
    assertThat(matcher.matches()).as(command).isTrue();
    assertThat(matcher.group(1)).isEqualTo(route53.zoneId());
    List<String> changes = new ArrayList<>();
    try {
      for (JsonNode change : new ObjectMapper().readTree(matcher.group(2)).get("Changes")) {
        changes.add(element("Change", change));
      }
    } catch (JsonProcessingException e) {
      throw new AssertionError("Not JSON: " + matcher.group(2), e);
    }
    route53.somebodyElseChanges(changes.toArray(String[]::new));
  }

  private static String element(String name, JsonNode node) {
    StringBuilder content = new StringBuilder();
    if (node.isObject()) {
      for (Map.Entry<String, JsonNode> each : node.properties()) {
        content.append(element(each.getKey(), each.getValue()));
      }
    } else if (node.isArray()) {
      // The list ResourceRecords holds elements named ResourceRecord.
      node.forEach(each -> content.append(element(name.substring(0, name.length() - 1), each)));
    } else {
      content.append(node.asText());
    }
    return "<%1$s>%2$s</%1$s>".formatted(name, content);
  }
}
