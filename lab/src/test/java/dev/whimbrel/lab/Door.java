package dev.whimbrel.lab;

import java.sql.Connection;
import java.sql.SQLException;

/** A place that can be closed to new sessions; those that are open go on. */
final class Door implements Place {
  private final Place inside;
  private volatile boolean closed;

  Door(Place inside) {
    this.inside = inside;
  }

  void close() {
    closed = true;
  }

  void open() {
    closed = false;
  }

  @Override
  public Connection connect() throws SQLException {
    if (closed) {
      throw new SQLException("the door is closed", "28000");
    }
    return inside.connect();
  }
}
