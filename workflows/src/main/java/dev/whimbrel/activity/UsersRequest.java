package dev.whimbrel.activity;

import dev.whimbrel.activity.PreflightReport.DatabaseUser;
import java.util.List;

/**
 * A last look at who uses the source.
 *
 * @param move the databases
 * @param seen who was seen so far
 */
public record UsersRequest(Move move, List<DatabaseUser> seen) {}
