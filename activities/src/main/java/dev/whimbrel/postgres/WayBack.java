package dev.whimbrel.postgres;

import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.PeerSpec;
import dev.whimbrel.runbook.PostgresUrl;
import dev.whimbrel.secrets.Secrets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The stream from the target back to the source, made before the hand-over and started after it.
 * Its subscription really connects from the source's server, and so proves reach, rights and TLS.
 */
final class WayBack {
  private static final Duration CALL = Duration.ofSeconds(10);

  /** Creating a slot waits for every transaction that is running on the target. */
  private static final Duration SLOT = Duration.ofSeconds(30);

  /** Keeps the connection string out of the source's log, as far as the rights allow. */
  private static final String HUSH =
      """
      DO $$ DECLARE s text[]; BEGIN
        FOREACH s SLICE 1 IN ARRAY ARRAY[['log_statement', 'none'],
          ['log_min_duration_statement', '-1'], ['log_min_error_statement', 'panic'],
          ['pg_stat_statements.track_utility', 'off']] LOOP
          BEGIN PERFORM set_config(s[1], s[2], false);
          EXCEPTION WHEN OTHERS THEN NULL; -- not ours to set, or not there
          END;
        END LOOP;
      END $$""";

  private final Secrets secrets;
  private final Move move;
  private final Names names;

  WayBack(Secrets secrets, Move move) {
    this.secrets = secrets;
    this.move = move;
    this.names = new Names(move.migration());
  }

  /**
   * Makes publication, slot and subscription anew and proves them.
   *
   * @return why there is no way back; empty where there is one
   */
  Optional<Finding> prove(Sessions sessions) {
    try {
      Session source = sessions.on(Side.SOURCE);
      Session target = sessions.on(Side.TARGET);
      Optional<Finding> nameless = withoutIdentity(source);
      if (nameless.isPresent()) {
        return nameless;
      }
      String tables = tables(source);
      target.run(publish(tables), CALL);
      target.run(
          "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s AND wal_status = 'lost' AND active_pid IS NULL"
              .formatted(Quoting.literal(names.baseSlot())),
          CALL);
      target.run(
          "SELECT pg_create_logical_replication_slot(%1$s, 'pgoutput') WHERE NOT EXISTS (SELECT 1 FROM pg_replication_slots WHERE slot_name = %1$s)"
              .formatted(Quoting.literal(names.baseSlot())),
          SLOT);
      subscribe(source, target);
      return Optional.empty();
    } catch (SQLException e) {
      return Optional.of(
          new Finding(
              Finding.Level.WARNING,
              "way-back",
              move.migration(),
              "THERE WILL BE NO WAY BACK AFTER THE HAND-OVER: the source's server cannot subscribe to the target: "
                  + secrets.redact(firstLine(e)),
              "let the source's server reach the target at its peer url, allow the role to CREATE"
                  + " SUBSCRIPTION on the source, then retry"));
    }
  }

  /** Removes everything that {@link #prove} made. Again is harmless. */
  void remove(Sessions sessions) throws SQLException {
    dropSubscription(sessions.on(Side.SOURCE));
    removeFromTarget(sessions.on(Side.TARGET));
  }

  /** The target's part of {@link #remove}. */
  void removeFromTarget(Session target) throws SQLException {
    for (String slot : List.of(names.liveSlot(), names.baseSlot())) {
      dropSlot(target, slot);
    }
    target.run(
        "DROP PUBLICATION IF EXISTS " + Quoting.identifier(names.reversePublication()), CALL);
    dropRole(target, names.role());
  }

  /** Drops the reverse subscription on the source without asking the target. */
  void dropSubscription(Session source) throws SQLException {
    dropSubscription(source, names.reverseSubscription());
  }

  /** Drops a subscription and leaves its slot on the other side alone. Again is harmless. */
  static void dropSubscription(Session subscriber, String subscription) throws SQLException {
    if (subscriber.value(
            "SELECT 1 FROM pg_subscription WHERE subname = %s AND subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
                .formatted(Quoting.literal(subscription)),
            CALL)
        != null) {
      String name = Quoting.identifier(subscription);
      subscriber.run(
          "ALTER SUBSCRIPTION %1$s DISABLE; ALTER SUBSCRIPTION %1$s SET (slot_name = NONE); DROP SUBSCRIPTION %1$s"
              .formatted(name),
          CALL);
    }
  }

  /** Drops a slot of this database, ending the walsender that uses it. Again is harmless. */
  static void dropSlot(Session server, String slot) throws SQLException {
    String name = Quoting.literal(slot);
    long until = System.nanoTime() + CALL.toNanos();
    while (true) {
      try {
        server.run(
            "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %1$s AND database = current_database() AND active_pid IS NOT NULL; SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %1$s AND database = current_database()"
                .formatted(name),
            CALL);
        return;
      } catch (SQLException e) {
        if (!SqlFailures.is(e, SqlFailures.OBJECT_IN_USE) || System.nanoTime() > until) {
          throw e;
        }
      }
    }
  }

  /** Drops the migration's own role where it exists. Again is harmless. */
  static void dropRole(Session server, String role) throws SQLException {
    new StreamRole(server.connection(CALL), role).drop();
  }

  /** Of a stream that brought the rows this was asked before it began. */
  private Optional<Finding> withoutIdentity(Session source) throws SQLException {
    if (!move.offline()) {
      return Optional.empty();
    }
    Connection catalog = source.connection(CALL);
    List<String> nameless =
        Settled.ask(
            Side.SOURCE, move, catalog, moving -> PublishedTables.withoutIdentity(catalog, moving));
    return nameless.isEmpty()
        ? Optional.empty()
        : Optional.of(
            new Finding(
                Finding.Level.WARNING,
                "way-back",
                move.migration(),
                "THERE WILL BE NO WAY BACK AFTER THE HAND-OVER: without a primary key, UPDATE and DELETE cannot be carried back in "
                    + String.join(", ", nameless),
                "give each table a primary key or a replica identity, then retry"));
  }

  private String tables(Session source) throws SQLException {
    if (move.offline()) {
      Connection catalog = source.connection(CALL);
      List<String> tables =
          new ArrayList<>(
              Settled.ask(
                  Side.SOURCE,
                  move,
                  catalog,
                  moving -> PublishedTables.holdingRows(catalog, moving)));
      tables.add(names.reverseMarker());
      return String.join(", ", tables);
    }
    List<List<@Nullable String>> published =
        source
            .rows(
                "SELECT format('%%I.%%I', schemaname, tablename) FROM pg_publication_tables WHERE pubname = %s AND schemaname <> 'whimbrel' ORDER BY 1"
                    .formatted(
                        PublishedTables.anyOf(Stream.leaving(Side.SOURCE, move).publications())),
                CALL)
            .get(0);
    List<String> tables = new ArrayList<>();
    for (List<@Nullable String> row : published) {
      tables.add(Objects.requireNonNull(row.get(0)));
    }
    tables.add(names.reverseMarker());
    return String.join(", ", tables);
  }

  private String publish(String tables) {
    String name = Quoting.identifier(names.reversePublication());
    return "DROP PUBLICATION IF EXISTS %1$s; CREATE PUBLICATION %1$s FOR TABLE %2$s"
        .formatted(name, tables);
  }

  private void subscribe(Session source, Session target) throws SQLException {
    dropSubscription(source);
    PeerSpec peer = move.target().reachedByPeer();
    if (move.target().peer() == null) {
      Optional<String> own = new StreamRole(target.connection(CALL), names.role()).ensure();
      if (own.isPresent()) {
        try {
          create(
              source,
              target,
              Conninfo.forStream(PostgresUrl.parse(peer.url()), names.role(), own.get()));
          return;
        } catch (SQLException e) {
          // The server lets only the configured role in: its password goes into the catalog then.
          dropRole(target, names.role());
        }
      }
    }
    String password = peer.password() == null ? null : secrets.resolve(peer.password());
    PostgresUrl url = PostgresUrl.parse(peer.url());
    create(source, target, Conninfo.forStream(url, url.user(), password));
  }

  private void create(Session source, Session target, String connection) throws SQLException {
    source.run(HUSH, CALL);
    source.run(
        "CREATE SUBSCRIPTION %s CONNECTION %s PUBLICATION %s WITH (connect = true, enabled = false, create_slot = false, copy_data = false, slot_name = %s%s)"
            .formatted(
                Quoting.identifier(names.reverseSubscription()),
                Quoting.literal(connection),
                Quoting.identifier(names.reversePublication()),
                Quoting.literal(names.liveSlot()),
                knowOrigins(source) && knowOrigins(target) ? ", origin = none" : ""),
        CALL);
  }

  /** Rows that came from the other side are not sent back; 16 and later on both ends. */
  private static boolean knowOrigins(Session session) throws SQLException {
    return session.connection().getMetaData().getDatabaseMajorVersion() >= 16;
  }

  private static String firstLine(SQLException e) {
    return Objects.requireNonNullElse(e.getMessage(), "").lines().findFirst().orElse("");
  }
}
