package dev.whimbrel.activity;

import java.util.List;

/**
 * The source's machines as they are after they were stopped.
 *
 * @param running the ids of those that somebody has started again
 * @param lines what a person should know of each that is no longer stopped; the same as long as
 *     nothing of substance changes
 */
public record OldMachines(List<String> running, List<String> lines) {}
