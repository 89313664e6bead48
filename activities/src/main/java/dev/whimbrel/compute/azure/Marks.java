package dev.whimbrel.compute.azure;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * How things at Azure are known as a migration's own: tags by which they are found, and names by
 * which they are proved. A name is unique in its group and cannot be changed or copied: tags can.
 */
final class Marks {
  static final String MIGRATION = "whimbrel-migration";
  static final String MACHINE = "whimbrel-machine";

  private static final int HASH_BYTES = 6;

  private Marks() {}

  /** The name of the network interface of a machine. */
  static String interfaceName(String migration, String machine) {
    return "%s-%s-nic".formatted(machine, hash(migration + "/" + machine));
  }

  /** The name of the disk that a machine starts from. */
  static String diskName(String migration, String machine) {
    return "%s-%s-os".formatted(machine, hash(migration + "/" + machine));
  }

  /** The name of the snapshot of a disk, or of its copy. */
  static String snapshotName(String migration, String disk, boolean copy) {
    return "%s%s-%s"
        .formatted(
            snapshotPrefix(migration),
            hash(disk.toLowerCase(Locale.ROOT)),
            copy ? "copy" : "snapshot");
  }

  /** Whether that is the name of a snapshot of the migration. */
  static boolean isSnapshotOf(String migration, String name) {
    return name.startsWith(snapshotPrefix(migration))
        && name.substring(snapshotPrefix(migration).length())
            .matches("[0-9a-f]{12}-(copy|snapshot)");
  }

  static boolean isCopy(String name) {
    return name.endsWith("-copy");
  }

  static Map<String, String> tags(
      String migration, @Nullable String machine, Map<String, String> more) {
    Map<String, String> tags = new TreeMap<>(more);
    tags.put(MIGRATION, migration);
    if (machine != null) {
      tags.put(MACHINE, machine);
    }
    return tags;
  }

  /** The value of a tag, or null. Azure compares their names without case. */
  static @Nullable String value(@Nullable Map<String, String> tags, String name) {
    if (tags == null) {
      return null;
    }
    return tags.entrySet().stream()
        .filter(each -> each.getKey().equalsIgnoreCase(name))
        .map(Map.Entry::getValue)
        .findFirst()
        .orElse(null);
  }

  private static String snapshotPrefix(String migration) {
    return "whimbrel-" + migration + "-";
  }

  private static String hash(String text) {
    try {
      byte[] hash =
          MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(hash, 0, HASH_BYTES);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
