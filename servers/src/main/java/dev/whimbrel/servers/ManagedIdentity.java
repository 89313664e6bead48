package dev.whimbrel.servers;

import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Hands out tokens as Azure's App Service does to programs with a managed identity. A program that
 * has {@link #environment} gets them by its SDK's default chain of credentials.
 */
public final class ManagedIdentity implements AutoCloseable {
  private static final String API_VERSION = "2019-08-01";

  private final HttpServer server;
  private final String secret = UUID.randomUUID().toString();
  private final Set<String> tokens = ConcurrentHashMap.newKeySet();
  private final AtomicInteger handedOut = new AtomicInteger();

  private ManagedIdentity(HttpServer server) {
    this.server = server;
  }

  /** Starts it on a free port of 127.0.0.1. */
  public static ManagedIdentity start() {
    try {
      HttpServer server =
          HttpServer.create(new InetSocketAddress(Relay.localhost(), Ports.free()), 50);
      ManagedIdentity identity = new ManagedIdentity(server);
      server.createContext("/msi/token", identity::answer);
      server.start();
      return identity;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The variables by which a program finds its identity. */
  public Map<String, String> environment() {
    return Map.of(
        "IDENTITY_ENDPOINT",
        "http://127.0.0.1:%d/msi/token".formatted(server.getAddress().getPort()),
        "IDENTITY_HEADER",
        secret);
  }

  /** A new token, without asking by HTTP. */
  public String token() {
    String token = "token-" + UUID.randomUUID();
    tokens.add(token);
    return token;
  }

  /** From here on no token that was handed out is good. */
  public void revoke() {
    tokens.clear();
  }

  /** How many were asked for by HTTP. */
  public int handedOut() {
    return handedOut.get();
  }

  boolean isGood(String token) {
    return tokens.contains(token);
  }

  private void answer(HttpExchange exchange) throws IOException {
    try (exchange) {
      Map<String, String> query = ArmHttp.query(exchange.getRequestURI());
      ObjectNode body = ArmAnswer.JSON.createObjectNode();
      int status = 200;
      if (!secret.equals(exchange.getRequestHeaders().getFirst("X-IDENTITY-HEADER"))) {
        status = 401;
        body.put("statusCode", 401).put("message", "The header X-IDENTITY-HEADER does not match.");
      } else if (!API_VERSION.equals(query.get("api-version")) || !query.containsKey("resource")) {
        status = 400;
        body.put("statusCode", 400)
            .put("message", "expected api-version=" + API_VERSION + " and a resource");
      } else {
        handedOut.incrementAndGet();
        body.put("access_token", token())
            .put("expires_on", Long.toString(Instant.now().plusSeconds(86_400).getEpochSecond()))
            .put("resource", query.get("resource"))
            .put("token_type", "Bearer")
            .put("client_id", "00000000-0000-0000-0000-0000000000c1");
      }
      byte[] bytes = body.toString().getBytes(StandardCharsets.UTF_8);
      exchange.getResponseHeaders().set("Content-Type", "application/json");
      exchange.sendResponseHeaders(status, bytes.length);
      exchange.getResponseBody().write(bytes);
    }
  }

  @Override
  public void close() {
    server.stop(0);
  }
}
