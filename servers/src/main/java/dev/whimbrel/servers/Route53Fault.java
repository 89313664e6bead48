package dev.whimbrel.servers;

/** What can go wrong with a call to Route 53; see {@link Route53Front#fail}. */
public enum Route53Fault {
  /** Refused: too many requests. */
  THROTTLING(400, "Throttling", "Rate exceeded"),
  /** Refused: an earlier change of the zone is still being worked on. */
  PRIOR_REQUEST(
      400,
      "PriorRequestNotComplete",
      "The request was rejected because Route 53 was still processing a prior request."),
  /** Refused: no right to it. */
  DENIED(403, "AccessDenied", "User: arn:aws:iam::123456789012:user/whimbrel is not authorized"),
  /** Failed inside, and nothing was done. */
  INTERNAL_ERROR(500, "InternalFailure", "We encountered an internal error."),
  /** Failed before it was looked at. */
  UNAVAILABLE(503, "ServiceUnavailable", "Service is unavailable."),
  /** The connection breaks before anything was done. */
  LOST_BEFORE(0, "", ""),
  /** Everything was done, and the connection breaks before the answer. */
  LOST_AFTER(0, "", ""),
  /** The answer takes as long as {@link Route53Front#slowBy} says; the work is done first. */
  SLOW(0, "", "");

  private final int status;
  private final String code;
  private final String message;

  Route53Fault(int status, String code, String message) {
    this.status = status;
    this.code = code;
    this.message = message;
  }

  /** Whether the call is answered without being looked at. */
  boolean refuses() {
    return status != 0;
  }

  HttpExchanges.Answer answer() {
    return Route53Xml.error(status, code, message);
  }
}
