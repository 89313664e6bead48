package dev.whimbrel.servers;

/**
 * What goes wrong with one call to a service.
 *
 * @param made whether the call reaches the service all the same
 * @param status what is answered instead of the service's own answer; 0: the connection breaks and
 *     nothing is answered
 * @param code the error's name, as the service would give it
 * @param message the error's text
 */
public record Fault(boolean made, int status, String code, String message) {

  /** The request is lost on its way: nothing is done, nothing is answered. */
  public static final Fault REQUEST_LOST = new Fault(false, 0, "", "");

  /** The service does what was asked, and its answer is lost on its way back. */
  public static final Fault ANSWER_LOST = new Fault(true, 0, "", "");

  /** The service refuses: nothing is done. */
  public static Fault refused(int status, String code) {
    return new Fault(false, status, code, code + ", said the stand-in because a test asked for it");
  }

  /** The service does what was asked, and answers with an error all the same. */
  public static Fault doneButAnswered(int status, String code) {
    return new Fault(true, status, code, code + ", said the stand-in because a test asked for it");
  }
}
