package dev.whimbrel.servers;

import org.jspecify.annotations.Nullable;

/**
 * What goes wrong with a call.
 *
 * @param kind at which moment
 * @param answer what is said instead, for {@link Kind#ANSWER}
 * @param code the error of an operation that fails
 * @param message its text
 * @param deed what somebody else does meanwhile
 */
public record ArmFault(
    Kind kind, @Nullable ArmAnswer answer, String code, String message, Runnable deed) {

  /** The moment at which it goes wrong. */
  public enum Kind {
    /** Another answer is given, and nothing is done. */
    ANSWER,
    /** Refused as for a client without the right. */
    DENIED,
    /** The connection ends without an answer; nothing was done. */
    LOST_BEFORE,
    /** The connection ends without an answer; everything was done. */
    LOST_AFTER,
    /** The long operation that the call begins ends with an error. */
    OPERATION_FAILS,
    /** The long operation that the call begins does not end. */
    OPERATION_HANGS,
    /** Something happens just before the call is carried out. */
    BEFORE,
    /** Something happens after the call was carried out, and before it is answered. */
    AFTER
  }

  /** 429, with the seconds after which it may be tried again. */
  public static ArmFault throttled(int retryAfterSeconds) {
    return says(
        ArmAnswer.error(
                429,
                "TooManyRequests",
                "The request is being throttled as the limit has been reached.")
            .with("Retry-After", Integer.toString(retryAfterSeconds)));
  }

  /** 409: something else is at work on the resource. */
  public static ArmFault conflict() {
    return says(
        ArmAnswer.error(
            409,
            "AnotherOperationInProgress",
            "Another operation on this or dependent resource is in progress."));
  }

  /** 500. */
  public static ArmFault broken() {
    return says(ArmAnswer.error(500, "InternalServerError", "An error occurred."));
  }

  /** 503. */
  public static ArmFault unavailable() {
    return says(ArmAnswer.error(503, "ServiceUnavailable", "The service is unavailable."));
  }

  /** 401: the token is no longer good. */
  public static ArmFault unauthorized() {
    return says(
        ArmAnswer.error(
                401,
                "ExpiredAuthenticationToken",
                "The access token expiry UTC time is earlier than current UTC time.")
            .with("WWW-Authenticate", "Bearer error=\"invalid_token\""));
  }

  /** 403: the client lacks the right. */
  public static ArmFault denied() {
    return new ArmFault(Kind.DENIED, null, "", "", () -> {});
  }

  /** Any other answer. */
  public static ArmFault says(ArmAnswer answer) {
    return new ArmFault(Kind.ANSWER, answer, "", "", () -> {});
  }

  public static ArmFault lostBefore() {
    return new ArmFault(Kind.LOST_BEFORE, null, "", "", () -> {});
  }

  /** The same; something happens just before the connection ends, such as the client's death. */
  public static ArmFault lostBefore(Runnable deed) {
    return new ArmFault(Kind.LOST_BEFORE, null, "", "", deed);
  }

  public static ArmFault lostAfter() {
    return new ArmFault(Kind.LOST_AFTER, null, "", "", () -> {});
  }

  /** The operation ends as failed, with this error. */
  public static ArmFault operationFails(String code, String message) {
    return new ArmFault(Kind.OPERATION_FAILS, null, code, message, () -> {});
  }

  /** The operation goes on until {@link ArmOperations#release}. */
  public static ArmFault operationHangs() {
    return new ArmFault(Kind.OPERATION_HANGS, null, "", "", () -> {});
  }

  /** Somebody else is faster. The deed runs in the server's thread, and may wait for something. */
  public static ArmFault before(Runnable deed) {
    return new ArmFault(Kind.BEFORE, null, "", "", deed);
  }

  /** Somebody else is at it before the client hears of its own change. */
  public static ArmFault after(Runnable deed) {
    return new ArmFault(Kind.AFTER, null, "", "", deed);
  }
}
