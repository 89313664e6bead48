package dev.whimbrel.activity;

import io.temporal.activity.ActivityInterface;

/** Looks at both databases before anything is changed. */
@ActivityInterface
public interface Preflight {

  /**
   * Reads both databases and says everything that stands in the way. Changes nothing.
   *
   * @return the findings; a blocker is a finding, not a failure
   */
  PreflightReport preflight(Move move);

  /**
   * Moves a sample of the largest table's rows the way the copy will go, and reckons how long the
   * whole takes. Takes some seconds and leaves nothing on either server.
   *
   * @return where nothing could be measured, a finding that says why and no figures
   */
  Forecast forecast(Move move);

  /**
   * Proposes queries to ask both sides, from what the source has counted ({@code
   * pg_stat_statements}). Changes nothing.
   */
  QueryProposal proposeQueries(Move move);

  /**
   * Judges everybody who was seen to use the source, and whoever uses it now: does something make
   * each of them follow? Who can no longer log in is passed over. Changes nothing.
   *
   * @return the findings; a blocker is a finding, not a failure
   */
  UserReport judgeUsers(UsersRequest request);

  /**
   * Claims both databases for this migration: schema {@code whimbrel} and its authority row. Again
   * is harmless; fails with {@code NeedsHelp} where another migration holds the source or the
   * target.
   */
  Claim claim(Move move);

  /** Takes the claim back where the databases were never handed over. Again is harmless. */
  Outcome release(Move move);
}
