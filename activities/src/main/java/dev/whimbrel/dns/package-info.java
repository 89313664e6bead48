/**
 * The service's names: reading address records from every server that matters, changing them by
 * compare-and-set, waiting until the change is seen. Which requests a provider takes lives in its
 * own sub-package; shifting by weight does not live here.
 */
@NullMarked
package dev.whimbrel.dns;

import org.jspecify.annotations.NullMarked;
