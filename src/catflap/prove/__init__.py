"""The proof that the kernel does what the evaluator says.

Whole worlds are generated as documents, decoded, compiled and enforced in a network namespace; packets biased to the
edges of the rules are really sent, and the fate of each, as the kernel saw it, is compared with `catflap.verdict`.
Other than the rest of the lab this package uses the product's own functions in process. It must never decide by
itself what policy means.
"""
