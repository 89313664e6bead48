package dev.whimbrel.compute.ec2;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import software.amazon.awssdk.services.ec2.model.ResourceType;
import software.amazon.awssdk.services.ec2.model.Tag;
import software.amazon.awssdk.services.ec2.model.TagSpecification;

/**
 * How things at AWS are known as a migration's own: tags by which they are found, and a client
 * token by which an instance is proved. A token stays with its instance and cannot be copied.
 */
final class Marks {
  static final String MIGRATION = "whimbrel:migration";
  static final String MACHINE = "whimbrel:machine";
  static final String VOLUME = "whimbrel:volume";

  private static final int HASH_BYTES = 20;

  private Marks() {}

  /** What the tokens of a machine begin with, for each of its generations. */
  static String tokenPrefix(String migration, String machine) {
    try {
      byte[] hash =
          MessageDigest.getInstance("SHA-256")
              .digest((migration + "/" + machine).getBytes(StandardCharsets.UTF_8));
      return "whimbrel-" + HexFormat.of().formatHex(hash, 0, HASH_BYTES) + "-";
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The client token of a machine's launch: at most 64 characters, the same at every attempt. */
  static String token(String migration, String machine, int generation) {
    return tokenPrefix(migration, machine) + generation;
  }

  /** Tags in an order that does not change from call to call, since AWS compares calls by it. */
  static TagSpecification tags(ResourceType type, Map<String, String> tags) {
    List<Tag> all =
        new TreeMap<>(tags)
            .entrySet().stream()
                .map(each -> Tag.builder().key(each.getKey()).value(each.getValue()).build())
                .toList();
    return TagSpecification.builder().resourceType(type).tags(all).build();
  }
}
