package dev.whimbrel.postgres;

import java.util.Map;

/**
 * The SQL of some entries.
 *
 * @param creates what creates each, in the order in which they must be created
 * @param drops what drops all of them, in the order in which they must be dropped
 */
record SchemaScript(Map<SchemaEntry, String> creates, String drops) {}
