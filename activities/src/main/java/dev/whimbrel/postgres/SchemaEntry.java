package dev.whimbrel.postgres;

/**
 * One entry of an archive's table of contents.
 *
 * @param dumpId its number in this archive; another dump numbers differently
 * @param catalog oid of the system catalog it comes from, 0 for comments and grants
 * @param oid its oid on the source, 0 for comments and grants
 * @param label type, schema, name and owner: {@code TABLE public orders app}
 */
record SchemaEntry(int dumpId, long catalog, long oid, String label) {

  /** Names the entry over all dumps of one source. */
  String key() {
    return catalog + " " + oid + " " + label;
  }

  boolean isType(String type) {
    return label.startsWith(type + " ");
  }

  /** Whether it is restored after everything else: grants, then event triggers. */
  int pass() {
    if (isType("ACL") || isType("DEFAULT ACL")) {
      return 1;
    }
    return isType("EVENT TRIGGER") || label.contains(" EVENT TRIGGER ") ? 2 : 0;
  }
}
