package dev.whimbrel.compute;

import java.util.List;

/**
 * The source's machines at one place.
 *
 * @param provider the place
 * @param ids as the runbook names them
 */
record OldSide(ComputeProvider provider, List<String> ids) {}
