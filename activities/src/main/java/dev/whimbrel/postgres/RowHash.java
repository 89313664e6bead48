package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.SQLException;

/**
 * How a text becomes 128 bits inside a server, in two lanes of 64.
 *
 * <p>SHA-256 says the same on every server, whatever its encoding, since the text is hashed as
 * UTF-8. The fast hash is PostgreSQL's own for hash partitions, with two seeds: {@code
 * hashtextextended} hashes a text's bytes as they lie in memory wherever the collation is
 * deterministic (so {@code COLLATE "C"} is written out), by the same code in every release since
 * 11, because partitions of a table must be found again after an upgrade. Its words are read in the
 * machine's own order of bytes, and the bytes are those of the database's encoding: servers that
 * differ in either do not agree, so both are asked before it is used. It is made to spread, not to
 * withstand somebody who looks for two texts of one hash.
 */
enum RowHash {
  SHA256 {
    @Override
    String of(String text, boolean plainBytes) {
      return "sha256(" + bytes(text, plainBytes) + ")";
    }

    @Override
    String lanes(String hashed) {
      return "('x' || encode(substr(%1$s, 1, 8), 'hex'))::bit(64)::int8 as l1, ('x' || encode(substr(%1$s, 9, 8), 'hex'))::bit(64)::int8 as l2"
          .formatted(hashed);
    }

    @Override
    String bucket(String text, boolean plainBytes) {
      return "get_byte(sha256(" + bytes(text, plainBytes) + "), 0)";
    }
  },

  FAST {
    @Override
    String of(String text, boolean plainBytes) {
      return text + " collate \"C\"";
    }

    @Override
    String lanes(String hashed) {
      return "hashtextextended(%1$s, %2$d) as l1, hashtextextended(%1$s, %3$d) as l2"
          .formatted(hashed, FIRST_SEED, SECOND_SEED);
    }

    @Override
    String bucket(String text, boolean plainBytes) {
      return "(hashtextextended((%s) collate \"C\", %d) & 255)::int4".formatted(text, BUCKET_SEED);
    }
  };

  private static final long FIRST_SEED = 1;
  private static final long SECOND_SEED = 7_640_891_576_956_012_809L;
  private static final long BUCKET_SEED = 2;

  /** Texts of every length around the hash's step of twelve bytes, each with both seeds. */
  private static final String PROBE =
      """
      select current_setting('server_encoding') || ' ' || string_agg(
          hashtextextended(t collate "C", %d) || ' ' || hashtextextended(t collate "C", %d), ' ' order by n)
        from (select n, left(repeat('Whimbrel 0123456789 ', 4), n) as t from generate_series(0, 60) n) p"""
          .formatted(FIRST_SEED, SECOND_SEED);

  /**
   * What a row's text is made to, once, before {@link #lanes}.
   *
   * @param text an expression of type text
   * @param plainBytes whether it may hold bytes of no encoding
   */
  abstract String of(String text, boolean plainBytes);

  /** Both lanes, {@code l1} and {@code l2}, of what {@link #of} gave. */
  abstract String lanes(String hashed);

  /** One of 256 parts by the hash of a text. */
  abstract String bucket(String text, boolean plainBytes);

  /**
   * The hash that a comparison of two servers uses.
   *
   * @param word {@code fast} or {@code sha256}
   * @return SHA-256 also where the fast hash is wanted and the servers do not agree about it
   */
  static RowHash of(String word, Pair pair) throws SQLException {
    if (word.equals(SHA256.word())) {
      return SHA256;
    }
    return probe(pair.truth()).equals(probe(pair.follower())) ? FAST : SHA256;
  }

  /** The runbook's word for it. */
  String word() {
    return this == FAST ? "fast" : "sha256";
  }

  private static String probe(Connection connection) throws SQLException {
    String[] said = {""};
    new Query().add(PROBE).run(connection, row -> said[0] = String.valueOf(row.getString(1)));
    return said[0];
  }

  /** The bytes of a text that are the same in every encoding. */
  static String bytes(String text, boolean plainBytes) {
    // A database without an encoding holds bytes that need not be text in any.
    return plainBytes
        ? "replace(" + text + ", chr(92), chr(92) || chr(92))::bytea"
        : "convert_to(" + text + ", 'UTF8')";
  }
}
