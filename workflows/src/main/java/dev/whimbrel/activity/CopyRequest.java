package dev.whimbrel.activity;

/**
 * One generation of a copy.
 *
 * @param move the databases
 * @param generation counts the snapshots, from 1
 */
public record CopyRequest(Move move, int generation) {}
