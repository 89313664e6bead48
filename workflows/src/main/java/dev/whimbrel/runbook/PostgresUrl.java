package dev.whimbrel.runbook;

import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * A parsed {@code postgresql://user@host:port/database?sslmode=…}.
 *
 * @param user the role
 * @param host name or address, IPv6 without brackets
 * @param port 5432 when absent
 * @param database the database
 * @param parameters libpq parameters behind the question mark
 */
public record PostgresUrl(
    String user, String host, int port, String database, Map<String, String> parameters) {

  /** Properties of the driver by which somebody else would make its sockets. */
  private static final Set<String> SOCKETS =
      Set.of("socketFactory", "socketFactoryArg", "sslfactory", "sslfactoryarg");

  /**
   * Parses a URL.
   *
   * @throws IllegalArgumentException with the reason and the fix; the message never repeats a
   *     password
   */
  public static PostgresUrl parse(String url) {
    URI uri;
    try {
      uri = URI.create(url);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "expected postgresql://user@host:port/database, found something that is not a URL");
    }
    if (!"postgresql".equals(uri.getScheme()) && !"postgres".equals(uri.getScheme())) {
      throw new IllegalArgumentException("expected a URL that begins with postgresql://");
    }
    String user = uri.getRawUserInfo();
    if (user != null && user.contains(":")) {
      throw new IllegalArgumentException(
          "a password must not stand in the URL; write it as password: env:NAME or file:/path");
    }
    if (user == null || user.isEmpty()) {
      throw new IllegalArgumentException("expected a user before the @, found none");
    }
    if (uri.getHost() == null) {
      throw new IllegalArgumentException("expected a host behind the @, found none");
    }
    String path = uri.getRawPath();
    if (path == null || path.length() < 2) {
      throw new IllegalArgumentException("expected a database behind the host, found none");
    }
    Map<String, String> parameters = new LinkedHashMap<>();
    if (uri.getRawQuery() != null) {
      for (String pair : uri.getRawQuery().split("&", -1)) {
        int equals = pair.indexOf('=');
        if (equals <= 0) {
          throw new IllegalArgumentException("expected key=value behind the ?, found " + pair);
        }
        String key = pair.substring(0, equals);
        if (key.equals("password")) {
          throw new IllegalArgumentException(
              "a password must not stand in the URL; write it as password: env:NAME or file:/path");
        }
        String value = decode(pair.substring(equals + 1));
        if (SOCKETS.contains(key) || (key.equals("gssEncMode") && value.equals("require"))) {
          throw new IllegalArgumentException(
              "expected no %s: the bulk copy speaks through sockets of its own; encrypt by sslmode=verify-full and sslrootcert"
                  .formatted(key));
        }
        parameters.put(key, value);
      }
    }
    String host = uri.getHost().replaceAll("^\\[|]$", "");
    int port = uri.getPort() < 0 ? 5432 : uri.getPort();
    return new PostgresUrl(
        decode(user), host, port, decode(path.substring(1)), Map.copyOf(parameters));
  }

  /** The same URL with another database, whose name needs no escape. */
  public static String inDatabase(String url, String database) {
    URI uri = URI.create(url);
    return "%s://%s/%s%s"
        .formatted(
            uri.getScheme(),
            uri.getRawAuthority(),
            database,
            uri.getRawQuery() == null ? "" : "?" + uri.getRawQuery());
  }

  /** {@code host:port/database}, as shown to people. */
  public String where() {
    return (host.contains(":") ? "[" + host + "]" : host) + ":" + port + "/" + database;
  }

  private static String decode(String text) {
    return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
  }
}
