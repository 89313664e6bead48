package dev.whimbrel.activity;

import java.util.List;

/**
 * A question about names before anything is changed.
 *
 * @param move the names
 * @param weights the shares in percent that they shall carry; empty where they move all at once
 */
public record NamesRequest(DnsMove move, List<Integer> weights) {}
