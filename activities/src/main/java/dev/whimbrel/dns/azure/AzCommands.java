package dev.whimbrel.dns.azure;

import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import dev.whimbrel.dns.Destination;
import dev.whimbrel.dns.NameState;
import dev.whimbrel.runbook.DnsSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** A change as commands of Azure's command line, in an order in which the name always resolves. */
final class AzCommands {
  private final DnsSpec.Azure spec;
  private final String relative;

  AzCommands(DnsSpec.Azure spec, String relative) {
    this.spec = spec;
    this.relative = relative;
  }

  /** Removes a record set. */
  static String delete(DnsSpec.Azure spec, String type, String relative) {
    return new AzCommands(spec, relative).set(type, "delete", "--yes");
  }

  String between(NameState from, NameState wanted) {
    List<String> commands = new ArrayList<>();
    for (String type : Destination.TYPES) {
      wanted.set(type).ifPresent(set -> to(set, from.set(type), commands));
    }
    for (String type : Destination.TYPES) {
      boolean was = from.set(type).isPresent() || from.split(type).isPresent();
      if (was && wanted.set(type).isEmpty()) {
        commands.add(set(type, "delete", "--yes"));
      }
    }
    return String.join("\n", commands);
  }

  private void to(RecordSet wanted, Optional<RecordSet> from, List<String> commands) {
    String type = wanted.type();
    if (wanted.aliased() || from.isEmpty() || from.get().aliased()) {
      // One call replaces the whole set: an alias and values cannot stand beside each other.
      commands.add(whole(wanted));
      return;
    }
    String value = type.equals("CNAME") ? "--cname " : "-a ";
    List<String> now = RecordSets.written(wanted);
    List<String> before = RecordSets.written(from.get());
    if (type.equals("CNAME")) {
      if (!now.equals(before)) {
        commands.add(set(type, "set-record", value + now.get(0)));
      }
    } else {
      now.stream()
          .filter(each -> !before.contains(each))
          .forEach(each -> commands.add(set(type, "add-record", value + each)));
      before.stream()
          .filter(each -> !now.contains(each))
          .forEach(
              each ->
                  commands.add(
                      set(type, "remove-record", value + each + " --keep-empty-record-set")));
    }
    if (wanted.ttl() != from.get().ttl()) {
      commands.add(set(type, "update", "--set ttl=" + wanted.ttl()));
    }
  }

  private String set(String type, String verb, String arguments) {
    return "az network dns record-set %s %s --subscription %s -g %s -z %s -n %s %s"
        .formatted(
            type.toLowerCase(Locale.ROOT),
            verb,
            spec.subscription(),
            spec.resourceGroup(),
            spec.zone(),
            quoted(relative),
            arguments);
  }

  private String whole(RecordSet set) {
    String alias = set.extras().get(RecordSet.ALIAS);
    String values =
        alias != null
            ? "\"targetResource\": {\"id\": \"%s\"}".formatted(alias)
            : switch (set.type()) {
              case "A" -> "\"ARecords\": [%s]".formatted(list(set, "ipv4Address"));
              case "AAAA" -> "\"AAAARecords\": [%s]".formatted(list(set, "ipv6Address"));
              default ->
                  "\"CNAMERecord\": {\"cname\": \"%s\"}".formatted(RecordSets.written(set).get(0));
            };
    String metadata =
        RecordSets.metadata(set).entrySet().stream()
            .sorted(Map.Entry.comparingByKey())
            .map(each -> "\"%s\": \"%s\"".formatted(text(each.getKey()), text(each.getValue())))
            .collect(Collectors.joining(", "));
    return "az rest --method put --url '/subscriptions/%s/resourceGroups/%s/providers/Microsoft.Network/dnsZones/%s/%s/%s?api-version=2018-05-01' --body '{\"properties\": {\"TTL\": %d, %s%s}}'"
        .formatted(
            spec.subscription(),
            spec.resourceGroup(),
            spec.zone(),
            set.type(),
            relative,
            set.ttl(),
            metadata.isEmpty() ? "" : "\"metadata\": {" + metadata + "}, ",
            values);
  }

  private static String list(RecordSet set, String key) {
    return RecordSets.written(set).stream()
        .map(each -> "{\"%s\": \"%s\"}".formatted(key, each))
        .collect(Collectors.joining(", "));
  }

  /** Inside a JSON string, inside the shell's single quotes. */
  private static String text(String value) {
    return value.replace("\\", "\\\\").replace("\"", "\\\"").replace("'", "'\\''");
  }

  private static String quoted(String name) {
    return name.matches("[A-Za-z0-9._-]+") ? name : "'" + name + "'";
  }
}
