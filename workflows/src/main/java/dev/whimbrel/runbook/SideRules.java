package dev.whimbrel.runbook;

import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The two sides: reachable as written, and not the same. */
final class SideRules {
  private static final List<String> SSL_MODES =
      List.of("disable", "allow", "prefer", "require", "verify-ca", "verify-full");
  private static final Set<String> THIS_MACHINE = Set.of("localhost", "127.0.0.1", "::1");

  private final Runbook draft;
  private final Places places;

  SideRules(Runbook draft, Places places) {
    this.draft = draft;
    this.places = places;
  }

  void check() {
    side("source", draft.source());
    side("target", draft.target());
    PostgresUrl source = url(draft.source());
    PostgresUrl target = url(draft.target());
    if (source != null && target != null && sameDatabase(source, target)) {
      places.report(
          "target.postgres.url",
          "the target is the source (" + target.where() + "); expected another database.");
    }
    if (draft.source() != null && draft.target() != null) {
      for (int i = 0; i < draft.target().addresses().size(); i++) {
        String address = draft.target().addresses().get(i);
        if (draft.source().addresses().contains(address)) {
          places.report("target.addresses[" + i + "]", address + " is the source's address too.");
        }
      }
      String cname = draft.target().cname();
      if (cname != null && cname.equalsIgnoreCase(draft.source().cname())) {
        places.report("target.cname", cname + " is the source's too.");
      }
    }
  }

  private void side(String path, @Nullable SideSpec side) {
    if (side == null) {
      return;
    }
    Set<String> seen = new HashSet<>();
    for (int i = 0; i < side.addresses().size(); i++) {
      String at = path + ".addresses[" + i + "]";
      String address = side.addresses().get(i);
      if (!Addresses.isAddress(address)) {
        places.report(at, "expected an IPv4 or IPv6 address, found '" + address + "'.");
      } else if (!seen.add(address.toLowerCase(Locale.ROOT))) {
        places.report(at, address + " stands here a second time.");
      }
    }
    if (side.cname() != null) {
      if (!Addresses.isName(side.cname())) {
        places.report(path + ".cname", "expected a host name, found '" + side.cname() + "'.");
      } else if (!side.addresses().isEmpty()) {
        places.report(path + ".cname", "expected either addresses or cname, found both.");
      }
    }
    PostgresSpec postgres = side.postgres();
    if (postgres == null) {
      return;
    }
    database(path + ".postgres", postgres.url(), postgres.password());
    if (postgres.peer() != null) {
      database(path + ".postgres.peer", postgres.peer().url(), postgres.peer().password());
    }
    String storage = postgres.storage();
    if (storage != null && !storage.matches(RunbookRules.STORAGE)) {
      places.report(
          path + ".postgres.storage",
          "expected a size such as 500GB or 2TB, found '" + storage + "'.");
    }
  }

  private void database(String path, @Nullable String url, @Nullable String password) {
    Problems.url(places, path + ".url", url);
    Problems.reference(places, path + ".password", password);
    PostgresUrl parsed = parsed(url);
    if (parsed != null) {
      Problems.oneOf(places, path + ".url", parsed.parameters().get("sslmode"), SSL_MODES);
    }
  }

  private static @Nullable PostgresUrl url(@Nullable SideSpec side) {
    return side == null || side.postgres() == null ? null : parsed(side.postgres().url());
  }

  private static @Nullable PostgresUrl parsed(@Nullable String url) {
    try {
      return url == null ? null : PostgresUrl.parse(url);
    } catch (IllegalArgumentException e) {
      return null; // reported where the url itself is checked
    }
  }

  private static boolean sameDatabase(PostgresUrl a, PostgresUrl b) {
    boolean sameHost =
        a.host().equalsIgnoreCase(b.host())
            || (THIS_MACHINE.contains(a.host()) && THIS_MACHINE.contains(b.host()));
    return sameHost && a.port() == b.port() && a.database().equals(b.database());
  }
}
