package dev.whimbrel.postgres;

import dev.whimbrel.activity.PreflightReport.DatabaseUser;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Who was seen to use the source, each once: a few dozen, since they travel in heartbeats and in a
 * history. Where there are more, those who follow are left out first: they need nobody's decision.
 */
final class SeenUsers {
  static final int MOST = 64;

  private record Key(String role, String address, String application, String follows) {
    static Key of(DatabaseUser user) {
      return new Key(user.role(), user.address(), user.application(), user.follows());
    }
  }

  private final Map<Key, DatabaseUser> users = new LinkedHashMap<>();

  /** Adds one; who was seen to write once is a writer. */
  void add(DatabaseUser user) {
    Key key = Key.of(user);
    DatabaseUser known = users.get(key);
    if (known != null) {
      if (user.writes() && !known.writes()) {
        users.put(key, user);
      }
      return;
    }
    if (users.size() == MOST && !makeRoomFor(user)) {
      return;
    }
    users.put(key, user);
  }

  private boolean makeRoomFor(DatabaseUser user) {
    if (!UserChecks.isLeftAlone(user)) {
      return false;
    }
    Key follower = null;
    for (DatabaseUser each : users.values()) {
      if (!UserChecks.isLeftAlone(each)) {
        follower = Key.of(each);
      }
    }
    return follower != null && users.remove(follower) != null;
  }

  /** Whether any session of a role was seen. */
  boolean knows(String role) {
    return users.values().stream().anyMatch(user -> user.role().equals(role));
  }

  List<DatabaseUser> all() {
    return List.copyOf(users.values());
  }
}
