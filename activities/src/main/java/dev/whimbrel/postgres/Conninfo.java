package dev.whimbrel.postgres;

import dev.whimbrel.runbook.PostgresUrl;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Connection strings of libpq, for {@code pg_dump} and subscriptions. */
final class Conninfo {
  /** What libpq understands; a URL may also hold parameters that only the driver does. */
  private static final Set<String> LIBPQ =
      Set.of(
          "sslmode",
          "sslrootcert",
          "sslcert",
          "sslkey",
          "sslcrl",
          "sslsni",
          "ssl_min_protocol_version",
          "channel_binding",
          "gssencmode",
          "krbsrvname",
          "target_session_attrs",
          "hostaddr",
          "connect_timeout",
          "options");

  private Conninfo() {}

  /** The URL as a connection string, its password left out. */
  static String withoutPassword(String url) {
    PostgresUrl parsed = PostgresUrl.parse(url);
    return of(parsed, parsed.user(), null);
  }

  /**
   * A connection string for a subscription, with keepalives that notice a dead line in 30 s. Row
   * security is off in its sessions: a table that a policy would filter fails, and loudly.
   */
  static String forStream(PostgresUrl url, String user, @Nullable String password) {
    return of(url, user, password)
        + (url.parameters().containsKey("connect_timeout") ? "" : " connect_timeout='10'")
        + (url.parameters().containsKey("options") ? "" : " options='-c row_security=off'")
        + " keepalives_idle='10' keepalives_interval='5' keepalives_count='4'";
  }

  private static String of(PostgresUrl url, String user, @Nullable String password) {
    StringBuilder text = new StringBuilder();
    append(text, "host", url.host());
    append(text, "port", Integer.toString(url.port()));
    append(text, "dbname", url.database());
    append(text, "user", user);
    if (password != null) {
      append(text, "password", password);
    }
    url.parameters()
        .forEach(
            (key, value) -> {
              if (LIBPQ.contains(key)) {
                append(text, key, value);
              }
            });
    return text.toString();
  }

  private static void append(StringBuilder text, String key, String value) {
    if (text.length() > 0) {
      text.append(' ');
    }
    text.append(key)
        .append("='")
        .append(value.replace("\\", "\\\\").replace("'", "\\'"))
        .append('\'');
  }
}
