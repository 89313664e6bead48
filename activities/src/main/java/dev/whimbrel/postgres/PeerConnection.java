package dev.whimbrel.postgres;

import dev.whimbrel.runbook.PeerSpec;
import dev.whimbrel.runbook.PostgresUrl;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The libpq connection string with which one server reaches the other. Holds a password: never show
 * it.
 */
final class PeerConnection {
  private PeerConnection() {}

  /**
   * Writes the connection string.
   *
   * @param peer where the other server is
   * @param user instead of the url's, or null
   * @param password or null where the server asks for none
   */
  static String of(PeerSpec peer, @Nullable String user, @Nullable String password) {
    PostgresUrl url = PostgresUrl.parse(peer.url());
    Map<String, String> words = new LinkedHashMap<>(url.parameters());
    words.put("host", url.host());
    words.put("port", Integer.toString(url.port()));
    words.put("dbname", url.database());
    words.put("user", Objects.requireNonNullElse(user, url.user()));
    if (password != null) {
      words.put("password", password);
    }
    // A stream over a broken tunnel must notice by itself.
    words.putIfAbsent("connect_timeout", "5");
    words.putIfAbsent("keepalives_idle", "5");
    words.putIfAbsent("keepalives_interval", "2");
    words.putIfAbsent("keepalives_count", "3");
    return words.entrySet().stream()
        .map(word -> word.getKey() + "=" + quoted(word.getValue()))
        .collect(Collectors.joining(" "));
  }

  private static String quoted(String value) {
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'";
  }
}
