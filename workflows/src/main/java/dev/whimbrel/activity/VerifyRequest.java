package dev.whimbrel.activity;

/**
 * One verification.
 *
 * @param move the databases
 * @param truth the side that takes the writes: the other one follows its stream
 */
public record VerifyRequest(Move move, Side truth) {}
