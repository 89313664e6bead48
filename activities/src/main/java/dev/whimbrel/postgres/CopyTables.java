package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What the copy asks the source's catalog about the columns of a table. */
final class CopyTables {
  /** The index by which a row is told from others: the replica identity, else the primary key. */
  private static final String KEY_INDEX =
      " (SELECT i.indexrelid FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisvalid"
          + " AND (c.relreplident = 'i' AND i.indisreplident"
          + " OR c.relreplident <> 'i' AND i.indisprimary))";

  private static final String KEYS =
      "SELECT n.nspname, c.relname, pg_catalog.format('%I.%I', n.nspname, c.relname), a.attname"
          + " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
          + " LEFT JOIN pg_catalog.pg_index k ON k.indexrelid ="
          + KEY_INDEX
          + " LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid"
          + " AND a.attnum = ANY (k.indkey[0:k.indnkeyatts - 1]) WHERE c.relkind = 'r'"
          + " ORDER BY 3, a.attnum";

  /**
   * Types whose binary form has been the same in every version, and holds nothing that only its own
   * server understands: a {@code regclass} is an OID there, {@code money} depends on settings, an
   * array of a type of one's own names that type's OID.
   */
  private static final String SAME_IN_BINARY =
      "'bool', 'int2', 'int4', 'int8', 'float4', 'float8', 'numeric', 'text', 'varchar', 'bpchar',"
          + " 'char', 'name', 'bytea', 'uuid', 'date', 'time', 'timetz', 'timestamp', 'timestamptz',"
          + " 'interval', 'json', 'jsonb', 'inet', 'cidr', 'macaddr', 'macaddr8', 'bit', 'varbit',"
          + " 'oid', 'point', 'line', 'lseg', 'box', 'path', 'polygon', 'circle', 'int4range',"
          + " 'int8range', 'numrange', 'daterange', 'tsrange', 'tstzrange'";

  /**
   * Each column with what its type rests on, from a domain down to what it is in the end. A domain
   * travels as its base, an enum as its label.
   */
  private static final String COLUMNS =
      "SELECT a.attname, rests.known, rests.types"
          + " FROM pg_catalog.pg_attribute a CROSS JOIN LATERAL (WITH RECURSIVE base AS ("
          + "SELECT 1 AS step, t.oid, t.typname, t.typtype, t.typbasetype, t.typnamespace"
          + " FROM pg_catalog.pg_type t WHERE t.oid = a.atttypid UNION ALL"
          + " SELECT step + 1, t.oid, t.typname, t.typtype, t.typbasetype, t.typnamespace"
          + " FROM base JOIN pg_catalog.pg_type t ON t.oid = base.typbasetype)"
          + " SELECT pg_catalog.bool_or(base.typtype = 'e' OR base.typnamespace ="
          + " 'pg_catalog'::regnamespace AND coalesce(element.typname, base.typname) IN ("
          + SAME_IN_BINARY
          + ")) FILTER (WHERE base.typtype <> 'd') AS known,"
          + " pg_catalog.string_agg(base.oid::regtype::text, ' ' ORDER BY base.step) AS types"
          + " FROM base LEFT JOIN pg_catalog.pg_type element ON element.typarray = base.oid) rests"
          + " WHERE a.attrelid = ?::oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''"
          + " ORDER BY a.attnum";

  private CopyTables() {}

  /**
   * A table and the columns of its key, in the order of the table.
   *
   * @param key empty where rows cannot be told apart
   */
  record Keyed(String relation, List<String> key) {}

  /**
   * A column of a key.
   *
   * @param type as SQL writes it
   * @param builtIn whether the type, and so its {@code =}, is PostgreSQL's own
   */
  record KeyColumn(String name, String type, boolean builtIn) {}

  /** The one text under which a table is looked up. */
  static String name(String schema, String table) {
    return Quoting.qualified(schema, table);
  }

  /** Every table that holds rows, by {@link #name}. */
  static Map<String, Keyed> keyed(Connection source) throws SQLException {
    Map<String, Keyed> tables = new HashMap<>();
    try (Statement statement = source.createStatement();
        ResultSet rows = statement.executeQuery(KEYS)) {
      while (rows.next()) {
        String relation = rows.getString(3);
        Keyed table =
            tables.computeIfAbsent(
                name(rows.getString(1), rows.getString(2)),
                n -> new Keyed(relation, new ArrayList<>()));
        @Nullable String column = rows.getString(4);
        if (column != null) {
          table.key().add(column);
        }
      }
    }
    return tables;
  }

  /** The columns of a table's key, in the order of {@link Keyed#key}. */
  static List<KeyColumn> key(Connection source, long table) throws SQLException {
    List<KeyColumn> columns = new ArrayList<>();
    try (PreparedStatement select =
        source.prepareStatement(
            "SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),"
                + " t.typnamespace = 'pg_catalog'::regnamespace"
                + " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_index k ON k.indexrelid ="
                + KEY_INDEX
                + " JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid"
                + " AND a.attnum = ANY (k.indkey[0:k.indnkeyatts - 1])"
                + " JOIN pg_catalog.pg_type t ON t.oid = a.atttypid"
                + " WHERE c.oid = ? ORDER BY a.attnum")) {
      select.setLong(1, table);
      try (ResultSet rows = select.executeQuery()) {
        while (rows.next()) {
          columns.add(new KeyColumn(rows.getString(1), rows.getString(2), rows.getBoolean(3)));
        }
      }
    }
    return columns;
  }

  /** The columns that hold what was written; generated ones are computed by the target. */
  static CopyColumns columns(Connection connection, long table) throws SQLException {
    Map<String, String> types = new LinkedHashMap<>();
    boolean binary = true;
    try (PreparedStatement select = connection.prepareStatement(COLUMNS)) {
      select.setLong(1, table);
      try (ResultSet rows = select.executeQuery()) {
        while (rows.next()) {
          // Not as the server quotes it: a newer one has reserved more words.
          types.put(Quoting.identifier(rows.getString(1)), rows.getString(3));
          binary &= rows.getBoolean(2);
        }
      }
    }
    return new CopyColumns(types, binary);
  }

  /** As {@link #columns(Connection, long)}, by the name that SQL has for the table. */
  static CopyColumns columns(Connection connection, String relation) throws SQLException {
    try (PreparedStatement select =
        connection.prepareStatement("SELECT coalesce(?::regclass::oid::bigint, 0)")) {
      select.setString(1, relation);
      try (ResultSet row = select.executeQuery()) {
        row.next();
        return columns(connection, row.getLong(1));
      }
    }
  }

  /**
   * Where a table's rows were stored when the transaction's snapshot was taken. A rewrite that
   * writes rows as new ones, such as pg_repack's, leaves nothing that an older snapshot sees.
   */
  static long filenodeSeen(Connection source, long table) throws SQLException {
    try (PreparedStatement select =
        source.prepareStatement("SELECT relfilenode FROM pg_catalog.pg_class WHERE oid = ?::oid")) {
      select.setLong(1, table);
      try (ResultSet row = select.executeQuery()) {
        return row.next() ? row.getLong(1) : 0;
      }
    }
  }

  /**
   * A condition on {@code pg_class c} and {@code pg_namespace n}: the names that the session's
   * snapshot has for a table and its columns are theirs no more. What identifies an object looks
   * past the snapshot, as whoever reads the table does.
   */
  static final String NAMED_OTHERWISE =
      """
      (to_regclass(format('%I.%I', n.nspname, c.relname))::oid IS DISTINCT FROM c.oid
       OR EXISTS (SELECT FROM pg_attribute a
                   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                     AND (pg_identify_object('pg_class'::regclass, a.attrelid, a.attnum::int)).identity
                         IS DISTINCT FROM format('%I.%I.%I', n.nspname, c.relname, a.attname)))
      """;

  /**
   * Whether a table and its columns still have the names that the session's snapshot has for them:
   * another table, or column, that has taken the place of one would be read instead of it.
   */
  static boolean isNamedAsSeen(Connection source, long table) throws SQLException {
    try (PreparedStatement select =
        source.prepareStatement(
            "SELECT NOT "
                + NAMED_OTHERWISE
                + " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ?")) {
      select.setLong(1, table);
      try (ResultSet row = select.executeQuery()) {
        return row.next() && row.getBoolean(1);
      }
    }
  }

  /** Where a table's rows are stored now; a rewrite moves them. */
  static long filenode(Connection source, long table) throws SQLException {
    try (PreparedStatement select =
        source.prepareStatement("SELECT coalesce(pg_catalog.pg_relation_filenode(?::oid), 0)")) {
      select.setLong(1, table);
      try (ResultSet row = select.executeQuery()) {
        row.next();
        return row.getLong(1);
      }
    }
  }
}
