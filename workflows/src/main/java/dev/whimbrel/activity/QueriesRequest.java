package dev.whimbrel.activity;

import dev.whimbrel.runbook.QuerySpec;
import java.util.List;

/**
 * A round of queries.
 *
 * @param move the databases; writes go to the source
 * @param queries what to ask
 */
public record QueriesRequest(Move move, List<QuerySpec> queries) {}
