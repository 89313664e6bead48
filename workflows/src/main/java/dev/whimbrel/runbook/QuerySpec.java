package dev.whimbrel.runbook;

/**
 * One query of a {@link QueryFile}.
 *
 * @param name what people call it: as its comment {@code -- name: …} says, else {@code line N}
 * @param line where it begins, from 1
 * @param sql one statement, without the semicolon behind it
 * @param timeOnly whether only its time is compared, as {@code -- compare: time only} says
 * @param ordered whether it says in which order its rows come
 */
public record QuerySpec(String name, int line, String sql, boolean timeOnly, boolean ordered) {}
