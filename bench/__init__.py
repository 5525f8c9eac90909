"""How long `stackscope tree` takes on a crowded host, as a ratio within one run.

    python -m bench --containers 10,180,1000 -o result.json      # as root; Debian: hyperfine
    python -m bench --store containerd --containers 10,180

A private host is started (the same as the live tests use) and grown to each number of containers in turn; fifteen of
sixteen are docker's, the others ctr's. At each stage hyperfine times, one after another and in several rounds:

- **tree**: `stackscope tree`, which finds the private engines itself;
- **by hand**: `by_hand.sh`, the commands that a person would type, with their output thrown away; some of them ask for
  what tree leaves out (volumes, networks, snapshots, leases, and docker's inspect);
- **floor**: `floor.py`, a bare script that makes the same reads and calls as tree and throws the answers away. It
  decodes only what it needs for the next call. What tree needs beyond it is the price of its answer.

Before the first stage, `stackscope --version` is timed against an interpreter that does nothing. Times of different
machines, or of different runs on a busy one, cannot be compared; the ratios within a run can. "Peak" is the largest
resident set of any one process of the command.

All of it happens in process and network namespaces of its own, so that other engines, and other people's containers,
are seen by none of the three. A thousand containers need about 5 GB of memory and some minutes to start.
"""
