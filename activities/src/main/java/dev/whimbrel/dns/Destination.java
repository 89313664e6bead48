package dev.whimbrel.dns;

import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.Address;

/**
 * Where a name points to, apart from TTLs: equal when a client would be sent to the same places.
 *
 * @param v4 values of the A records, sorted
 * @param v6 values of the AAAA records as RFC 5952 writes them, sorted
 * @param cname the host name of an alias (CNAME) in lower case without its last dot, or null
 */
public record Destination(List<String> v4, List<String> v6, @Nullable String cname) {
  /** The types of the records that say where a name points to. */
  public static final List<String> TYPES = List.of("A", "AAAA", "CNAME");

  public Destination {
    cname = cname == null ? null : NamePlan.bare(cname);
    v4 = v4.stream().sorted().toList();
    v6 = v6.stream().sorted().toList();
  }

  /**
   * Sorts addresses into families.
   *
   * @throws IllegalArgumentException if one is no address
   */
  public static Destination parse(List<String> texts) {
    List<String> v4 = new ArrayList<>();
    List<String> v6 = new ArrayList<>();
    for (String text : texts) {
      InetAddress address = literal(text);
      (address.getAddress().length == 4 ? v4 : v6).add(canonical(address));
    }
    return new Destination(v4, v6, null);
  }

  /** A host name. */
  public static Destination alias(String cname) {
    return new Destination(List.of(), List.of(), cname);
  }

  /** Where record sets of one name point to. */
  public static Destination of(List<RecordSet> sets) {
    return new Destination(
        values(sets, "A"),
        values(sets, "AAAA"),
        values(sets, "CNAME").stream().findFirst().orElse(null));
  }

  /** The values of one type. */
  public List<String> ofType(String type) {
    return switch (type) {
      case "A" -> v4;
      case "AAAA" -> v6;
      default -> cname == null ? List.of() : List.of(cname);
    };
  }

  /** Whether there is none. */
  public boolean isEmpty() {
    return v4.isEmpty() && v6.isEmpty() && cname == null;
  }

  /** {@code 203.0.113.10 2001:db8::1}, a host name, or {@code no address}. */
  @Override
  public String toString() {
    List<String> all = new ArrayList<>(v4);
    all.addAll(v6);
    all.addAll(ofType("CNAME"));
    return all.isEmpty() ? "no address" : String.join(" ", all);
  }

  /** An address as text: IPv6 with its longest run of zeros left out (RFC 5952). */
  public static String canonical(InetAddress address) {
    byte[] bytes = address.getAddress();
    if (bytes.length == 4) {
      return address.getHostAddress();
    }
    int[] groups = new int[8];
    for (int i = 0; i < 8; i++) {
      groups[i] = ((bytes[2 * i] & 0xff) << 8) | (bytes[2 * i + 1] & 0xff);
    }
    int longestAt = -1;
    int longest = 1;
    for (int at = 0; at < 8; at++) {
      int end = at;
      while (end < 8 && groups[end] == 0) {
        end++;
      }
      if (end - at > longest) {
        longestAt = at;
        longest = end - at;
      }
    }
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < 8; i++) {
      if (i == longestAt) {
        text.append("::");
        i += longest - 1;
      } else {
        if (i > 0 && text.charAt(text.length() - 1) != ':') {
          text.append(':');
        }
        text.append(Integer.toHexString(groups[i]));
      }
    }
    return text.toString();
  }

  private static InetAddress literal(String text) {
    try {
      return Address.getByAddress(text);
    } catch (UnknownHostException e) {
      throw new IllegalArgumentException("expected an IP address, found '" + text + "'");
    }
  }

  private static List<String> values(List<RecordSet> sets, String type) {
    return sets.stream()
        .filter(set -> set.type().equals(type))
        .flatMap(set -> set.values().stream())
        .toList();
  }
}
