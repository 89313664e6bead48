/**
 * Names at Azure DNS, with weights by Azure Traffic Manager. What to change and what counts as
 * somebody else's change is decided one package above.
 */
@NullMarked
package dev.whimbrel.dns.azure;

import org.jspecify.annotations.NullMarked;
