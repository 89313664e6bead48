package dev.whimbrel.lab;

import dev.whimbrel.servers.PostgresServer;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;

/** The database of the service that the lab moves. */
public final class Shop {
  /** The database's name. */
  public static final String DATABASE = "shop";

  /** Owns the tables; may do anything to them. */
  public static final String OWNER = "shop_owner";

  /** What the service logs in as: reads and writes rows. */
  public static final String APPLICATION = "shop_app";

  /** May do what the service may, and goes around every pooler: tries both sides on purpose. */
  public static final String PROBER = "shop_prober";

  private Shop() {}

  /** Creates roles and an empty database that belongs to the owner, as on a target. */
  public static void createEmpty(PostgresServer server) {
    server.execute(
        "postgres",
        "CREATE ROLE " + OWNER + " LOGIN",
        "CREATE ROLE " + APPLICATION + " LOGIN",
        "CREATE ROLE " + PROBER + " LOGIN IN ROLE " + APPLICATION,
        "CREATE DATABASE " + DATABASE + " OWNER " + OWNER);
  }

  /** Creates roles and database with its schema and some thousand rows. */
  public static void create(PostgresServer server) {
    createEmpty(server);
    try (Connection connection = server.connect(DATABASE, OWNER, null);
        Statement statement = connection.createStatement()) {
      statement.execute(script());
    } catch (SQLException e) {
      throw new IllegalStateException("Cannot create the shop", e);
    }
  }

  /** The SQL of schema and rows, to be run by the owner. */
  static String script() {
    try (InputStream script = Shop.class.getResourceAsStream("shop.sql")) {
      if (script == null) {
        throw new IllegalStateException("shop.sql is not on the class path");
      }
      return new String(script.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
