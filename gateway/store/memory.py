"""Has the memory of one large body serve for the next, in every process that handles them."""

__all__ = ["keep_large_blocks"]


def keep_large_blocks() -> None:
    """Have this process keep up to 64 MiB of what it frees.

    Where blocks of megabytes are freed, glibc gives their pages back and takes them anew, unless
    it has seen a block freed that was larger: it learns from up to 32 MiB, and then keeps up to
    twice as much (mallopt(3), M_MMAP_THRESHOLD). Reading a file of 10 MB costs half of it.
    """
    bytes(32 * 1024 * 1024 - 64 * 1024)
