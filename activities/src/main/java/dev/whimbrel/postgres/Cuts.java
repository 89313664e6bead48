package dev.whimbrel.postgres;

/**
 * How tables are cut for several sessions.
 *
 * @param rows how many rows of a key one session compares at a stretch
 * @param pages how many pages of a table without a key it reads with one statement
 */
record Cuts(long rows, int pages) {
  /**
   * A second or two of work, of rows as well as of pages (128 MB of the usual ones): what is cut
   * further would not end sooner.
   */
  static final Cuts USUAL = new Cuts(500_000, 16_384);
}
