package dev.whimbrel.credentials;

/** What goes wrong with a source of credentials. */
enum Fault {
  NONE("all is well"),
  THROTTLED("throttled (429)"),
  BROKEN("500"),
  DENIED("denied"),
  UNKNOWN("knows nothing of it (404)"),
  LOST("connection lost"),
  LATE("answers late"),
  SILENT("no answer comes"),
  NO_JSON("answers with a page instead"),
  GATEWAY("502 with a page"),
  /** The answer with a token does not arrive, and nothing is given without one. */
  NO_SESSION("the token does not arrive, and it wants one"),
  NO_FILE("no file with the token"),
  EMPTY_FILE("an empty file with the token"),
  STALE_FILE("the token in the file has expired"),
  UNKNOWN_AUTHORITY("the public directory does not know the authority"),
  NO_DIRECTORY("the public directory cannot be reached"),
  /** Only at the end, as nobody listens from then on. */
  ABSENT("nobody is there");

  private final String words;

  Fault(String words) {
    this.words = words;
  }

  String words() {
    return words;
  }

  /** Whether it is gone when the source is well again, so that nobody needs to do anything. */
  boolean passes() {
    return this == THROTTLED || this == BROKEN || this == GATEWAY || this == LOST || this == SILENT;
  }
}
