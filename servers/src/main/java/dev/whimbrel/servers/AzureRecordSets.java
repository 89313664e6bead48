package dev.whimbrel.servers;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.xbill.DNS.Address;

/** What Azure DNS makes of a record set that it is sent, and what it refuses. */
final class AzureRecordSets {
  /** The type in a path, in lower case, and what its values are called. */
  static final Map<String, String> VALUES =
      Map.of(
          "a", "ARecords",
          "aaaa", "AAAARecords",
          "cname", "CNAMERecord",
          "txt", "TXTRecords",
          "ns", "NSRecords",
          "soa", "SOARecord");

  private static final Pattern ZEROS = Pattern.compile("(^|:)0(:0)+(:|$)");
  private static final Pattern HOST = Pattern.compile("[A-Za-z0-9_.-]+");
  private static final int LONGEST_TEXT = 255;

  private AzureRecordSets() {}

  /** The properties as they are kept: addresses as Azure writes them, nothing that it ignores. */
  static ObjectNode kept(String type, ObjectNode sent) {
    ObjectNode kept = ArmAnswer.JSON.createObjectNode();
    if (sent.path("metadata").isObject() && !sent.path("metadata").isEmpty()) {
      kept.set("metadata", sent.path("metadata").deepCopy());
    }
    kept.set("TTL", sent.path("TTL"));
    String key = VALUES.getOrDefault(type, "");
    JsonNode values = sent.path(key);
    if (type.equals("aaaa")) {
      ArrayNode written = kept.putArray(key);
      values.forEach(
          value ->
              written
                  .addObject()
                  .put("ipv6Address", canonical(value.path("ipv6Address").asText()).orElse("")));
    } else if (!values.isMissingNode()) {
      kept.set(key, values.deepCopy());
    } else if (!type.equals("cname")) {
      kept.putArray(key);
    }
    ObjectNode target = kept.putObject("targetResource");
    if (sent.path("targetResource").hasNonNull("id")) {
      target.set("id", sent.path("targetResource").get("id"));
    }
    return kept;
  }

  /** What is wrong with the properties, in Azure's words. */
  static Optional<String> refusal(String type, ObjectNode sent) {
    JsonNode ttl = sent.path("TTL");
    if (!ttl.canConvertToInt() || ttl.asInt() < 1) {
      return Optional.of(
          "The record set TTL '%s' is invalid. It must be between 1 and 2147483647."
              .formatted(ttl.asText()));
    }
    JsonNode values = sent.path(VALUES.getOrDefault(type, ""));
    boolean alias = sent.path("targetResource").hasNonNull("id");
    if (alias && !values.isMissingNode() && !values.isEmpty()) {
      return Optional.of("RecordSets with a target resource cannot have records of their own.");
    }
    return alias ? Optional.empty() : wrongValue(type, values);
  }

  private static Optional<String> wrongValue(String type, JsonNode values) {
    if (type.equals("cname")) {
      String name = values.path("cname").asText();
      return HOST.matcher(name).matches()
          ? Optional.empty()
          : Optional.of("The domain name '%s' is invalid.".formatted(name));
    }
    for (JsonNode value : values) {
      String wrong =
          switch (type) {
            case "a" ->
                Address.toByteArray(value.path("ipv4Address").asText(), Address.IPv4) == null
                    ? "The IPv4 address '%s' is invalid.".formatted(value.path("ipv4Address"))
                    : "";
            case "aaaa" ->
                canonical(value.path("ipv6Address").asText()).isEmpty()
                    ? "The IPv6 address '%s' is invalid.".formatted(value.path("ipv6Address"))
                    : "";
            case "txt" -> wrongText(value.path("value"));
            default -> "";
          };
      if (!wrong.isEmpty()) {
        return Optional.of(wrong);
      }
    }
    return Optional.empty();
  }

  private static String wrongText(JsonNode texts) {
    for (JsonNode text : texts) {
      if (text.asText().length() > LONGEST_TEXT) {
        return "The TXT record's value is longer than %d characters.".formatted(LONGEST_TEXT);
      }
    }
    return texts.isArray() ? "" : "A TXT record needs a value.";
  }

  /** An IPv6 address as Azure gives it back, in RFC 5952's form. */
  static Optional<String> canonical(String text) {
    byte[] bytes = Address.toByteArray(text, Address.IPv6);
    if (bytes == null) {
      return Optional.empty();
    }
    String full;
    try {
      full = InetAddress.getByAddress(bytes).getHostAddress().toLowerCase(Locale.ROOT);
    } catch (UnknownHostException e) {
      throw new IllegalStateException("An IPv6 address has 16 bytes", e);
    }
    String longest = "";
    for (Matcher zeros = ZEROS.matcher(full); zeros.find(); ) {
      longest = zeros.group().length() > longest.length() ? zeros.group() : longest;
    }
    return Optional.of(longest.isEmpty() ? full : full.replaceFirst(longest, "::"));
  }
}
