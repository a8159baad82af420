"""The tests of the hub: they mirror its folders; `walks` tell whole stories, `proofs` are measured.

A package, so that no other package of this name in an environment is taken for it.
"""
