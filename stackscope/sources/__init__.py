"""The witnesses. One folder each: `client.py` asks and returns replies, `read.py` turns replies into facts."""
