package dev.whimbrel.postgres;

import dev.whimbrel.runbook.PostgresUrl;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Connection strings of libpq, for {@code pg_dump} and subscriptions. */
public final class Conninfo {
  /**
   * What libpq understands of a URL's parameters, each with the environment variable that says the
   * same; a URL may also hold parameters that only the driver does. Source: the PostgreSQL manual,
   * "Environment Variables" of libpq.
   */
  public static final Map<String, String> VARIABLES =
      Map.ofEntries(
          Map.entry("sslmode", "PGSSLMODE"),
          Map.entry("sslrootcert", "PGSSLROOTCERT"),
          Map.entry("sslcert", "PGSSLCERT"),
          Map.entry("sslkey", "PGSSLKEY"),
          Map.entry("sslcrl", "PGSSLCRL"),
          Map.entry("sslsni", "PGSSLSNI"),
          Map.entry("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION"),
          Map.entry("channel_binding", "PGCHANNELBINDING"),
          Map.entry("gssencmode", "PGGSSENCMODE"),
          Map.entry("krbsrvname", "PGKRBSRVNAME"),
          Map.entry("hostaddr", "PGHOSTADDR"),
          Map.entry("target_session_attrs", "PGTARGETSESSIONATTRS"),
          Map.entry("connect_timeout", "PGCONNECT_TIMEOUT"),
          Map.entry("options", "PGOPTIONS"));

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
              if (VARIABLES.containsKey(key)) {
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
