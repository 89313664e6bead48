package dev.whimbrel.postgres;

/**
 * What one server holds under one identity: a key, or in a table without one the hash of a row.
 *
 * @param count rows
 * @param first sum of the first 64 bits of each row's hash
 * @param second sum of the next 64 bits
 * @param versions a figure that changes with every new version of the row, also when its content
 *     comes back to what it was; says nothing across servers
 * @param place where one of the rows lies, as a ctid
 */
record RowState(long count, String first, String second, String versions, String place) {
  static final RowState ABSENT = new RowState(0, "0", "0", "0", "");

  /** Whether both hold the same content. */
  boolean sameContent(RowState other) {
    return count == other.count && first.equals(other.first) && second.equals(other.second);
  }

  /** Whether both are the very same row versions on one server. */
  boolean sameVersions(RowState other) {
    return sameContent(other) && versions.equals(other.versions);
  }
}
